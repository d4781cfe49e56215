{% set what = steps | map(attribute="blueprint.name") | join(", then ") %}
#!/bin/sh
# {{ what }}: on a schedule, in this machine's time.
# Run this as the user that should run the syncs. It writes a fleet, a file for the secrets, a script that runs the
# fleet, and the units of a systemd timer. It starts nothing, and prints what to do next.
set -eu
for needed in sync-blueprints flock; do
  command -v "$needed" >/dev/null || { echo "$needed is not installed, or not on PATH" >&2; exit 1; }
done
config=${XDG_CONFIG_HOME:-$HOME/.config}
folder=$config/sync-blueprints
state=${XDG_STATE_HOME:-$HOME/.local/state}/sync-blueprints/{{ name }}
mkdir -p "$folder" "$config/systemd/user" "$state"

cat >"$folder/{{ name }}.yaml" <<'EOF'
{% include "fleet.yaml" %}
EOF

if [ ! -e "$folder/{{ name }}.env" ]; then
  (
    umask 077
    cat >"$folder/{{ name }}.env" <<'EOF'
{% for secret in secrets %}
{{ secret }}=''
{% endfor %}
EOF
  )
fi

cat >"$folder/{{ name }}.sh" <<EOF
#!/bin/sh
# Exits 0 at once if another run holds the lock, otherwise with the fleet's exit code.
set -au
. "$folder/{{ name }}.env"
export SHIPYARD_ARTIFACTS_DIRECTORY="$state/artifacts"
exec flock --nonblock --conflict-exit-code 0 --no-fork "$state/lock" \\
  "$(command -v sync-blueprints)" run --fleet "$folder/{{ name }}.yaml"
EOF
chmod +x "$folder/{{ name }}.sh"

cat >"$config/systemd/user/{{ name }}.service" <<EOF
[Unit]
Description={{ what }}

[Service]
Type=oneshot
ExecStart="$folder/{{ name }}.sh"
EOF

cat >"$config/systemd/user/{{ name }}.timer" <<EOF
[Unit]
Description={{ what }}

[Timer]
{% for event in events %}
OnCalendar={{ event }}
{% endfor %}
# Catch up on a run that was missed while the machine was off:
Persistent=true

[Install]
WantedBy=timers.target
EOF

cat <<EOF
Fill in the secrets between the quotes: $folder/{{ name }}.env
Try it: $folder/{{ name }}.sh; echo \$?
Then either let systemd start it, even while you are logged out:
  systemctl --user daemon-reload && systemctl --user enable --now {{ name }}.timer && loginctl enable-linger
or add this line with crontab -e; cron then mails the log of each run that failed:
  {{ schedule }} log=\$("$folder/{{ name }}.sh" 2>&1) || echo "\$log"
EOF
