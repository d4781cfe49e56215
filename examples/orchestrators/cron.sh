#!/bin/sh
# Fivetran - Execute Sync, then Fivetran - Check Sync Status: on a schedule, in this machine's time.
# Run this as the user that should run the syncs. It writes a fleet, a file for the secrets, a script that runs the
# fleet, and the units of a systemd timer. It starts nothing, and prints what to do next.
set -eu
for needed in sync-blueprints flock; do
  command -v "$needed" >/dev/null || { echo "$needed is not installed, or not on PATH" >&2; exit 1; }
done
config=${XDG_CONFIG_HOME:-$HOME/.config}
folder=$config/sync-blueprints
state=${XDG_STATE_HOME:-$HOME/.local/state}/sync-blueprints/nightly
mkdir -p "$folder" "$config/systemd/user" "$state"

cat >"$folder/nightly.yaml" <<'EOF'
name: "nightly"
vessels:
  Fivetran - Execute Sync:
    source:
      blueprint: Fivetran - Execute Sync
      inputs:
        FIVETRAN_CONNECTOR_ID: "speak_inexpensive"
      type: BLUEPRINT
    guardrails:
      retry_count: 1
      retry_wait: 0s
      runtime_cutoff: 4h0m0s
      exclude_exit_code_ranges:
        - "200"
        - "201"
        - "203"
        - "204"
        - "205"
        - "206"
        - "210"
        - "211"
        - "212"
        - "213"
        - "221"
  Fivetran - Check Sync Status:
    source:
      blueprint: Fivetran - Check Sync Status
      inputs: {}
      type: BLUEPRINT
    guardrails:
      retry_count: 24
      retry_wait: 5m0s
      runtime_cutoff: 4h0m0s
      exclude_exit_code_ranges:
        - "200"
        - "201"
        - "204"
        - "205"
        - "206"
        - "211"
        - "212"
        - "213"
        - "221"
connections:
  Fivetran - Execute Sync:
    Fivetran - Check Sync Status: SUCCESS
EOF

if [ ! -e "$folder/nightly.env" ]; then
  (
    umask 077
    cat >"$folder/nightly.env" <<'EOF'
FIVETRAN_API_KEY=''
FIVETRAN_API_SECRET=''
EOF
  )
fi

cat >"$folder/nightly.sh" <<EOF
#!/bin/sh
# Exits 0 at once if another run holds the lock, otherwise with the fleet's exit code.
set -au
. "$folder/nightly.env"
export SHIPYARD_ARTIFACTS_DIRECTORY="$state/artifacts"
exec flock --nonblock --conflict-exit-code 0 --no-fork "$state/lock" \\
  "$(command -v sync-blueprints)" run --fleet "$folder/nightly.yaml"
EOF
chmod +x "$folder/nightly.sh"

cat >"$config/systemd/user/nightly.service" <<EOF
[Unit]
Description=Fivetran - Execute Sync, then Fivetran - Check Sync Status

[Service]
Type=oneshot
ExecStart="$folder/nightly.sh"
EOF

cat >"$config/systemd/user/nightly.timer" <<EOF
[Unit]
Description=Fivetran - Execute Sync, then Fivetran - Check Sync Status

[Timer]
OnCalendar=*-*-* 2:0:00
# Catch up on a run that was missed while the machine was off:
Persistent=true

[Install]
WantedBy=timers.target
EOF

cat <<EOF
Fill in the secrets between the quotes: $folder/nightly.env
Try it: $folder/nightly.sh; echo \$?
Then either let systemd start it, even while you are logged out:
  systemctl --user daemon-reload && systemctl --user enable --now nightly.timer && loginctl enable-linger
or add this line with crontab -e; cron then mails the log of each run that failed:
  0 2 * * * log=\$("$folder/nightly.sh" 2>&1) || echo "\$log"
EOF
