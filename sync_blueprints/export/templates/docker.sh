{% filter comment %}
Export {{ secrets | listed }} first: `-e NAME` alone passes the value on from this shell, so that it is on no command line. `run` applies the guardrails inside the container, which exits with the code of the last attempt. The volume keeps the handoff from a trigger to its check.
{% endfilter %}
{% for step in steps %}
docker run --rm --read-only \
{% for secret in step.blueprint.secrets %}
  -e {{ secret }} \
{% endfor %}
  -v {{ name | slug }}-artifacts:/artifacts \
{% for name, value in step.inputs.items() %}
  -e {{ name }}={{ value | shell }} \
{% endfor %}
  {{ options.image | shell }} run {% for rail, value in step.changed.items() %}--{{ rail | replace("_", "-") }} {{ value }} {% endfor %}{{ step.blueprint.name | shell }}{{ "" if loop.last else " &&" }}
{% endfor %}
