{{ ["Set " ~ secrets | listed ~ " first: `read -rs NAME && export NAME` keeps a value off the screen and out of the history. `run` applies the guardrails and exits with the code of the last attempt."] | comment }}
{% for step, changed in steps %}
{% for name, value in step.inputs.items() %}
{{ name }}={{ value | shell }} \
{% endfor %}
sync-blueprints run {% for rail, value in changed.items() %}--{{ rail }} {{ value }} {% endfor %}{{ step.blueprint.name | shell }}{{ "" if loop.last else " &&" }}
{% endfor %}
