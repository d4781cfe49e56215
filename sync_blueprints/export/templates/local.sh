{% filter comment %}
Set {{ secrets | listed }} first: `read -rs NAME && export NAME` keeps a value off the screen and out of the history. `run` applies the guardrails and exits with the code of the last attempt.
{% endfilter %}
{% for step in steps %}
{% for name, value in step.inputs.items() %}
{{ name }}={{ value | shell }} \
{% endfor %}
{% include "run.sh" %}{{ "" if loop.last else " &&" }}
{% endfor %}
