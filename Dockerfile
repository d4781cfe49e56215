# The command `sync-blueprints`, and with it the scripts; see docs/orchestrators/docker.md.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim AS build

WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.txt blueprints.yaml ./
COPY shared shared/
COPY sync_blueprints sync_blueprints/
COPY examples examples/
COPY rudderstack_blueprints rudderstack_blueprints/
COPY fivetran_blueprints fivetran_blueprints/
COPY nango_blueprints nango_blueprints/
RUN pip wheel --no-cache-dir --no-deps --disable-pip-version-check --wheel-dir /wheels .

FROM python:${PYTHON}-slim

COPY requirements.txt requirements-tools.txt /wheels/
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore \
    --requirement /wheels/requirements-tools.txt
COPY --from=build /wheels /wheels/

# Bytecode for all that a run may import: the base image has none of the standard library's, and without it each start
# compiles anew. It is not checked against the sources, whose times may change on the way into a registry.
# The folder for handoffs takes any user, as /tmp does; a new volume there starts as its copy.
RUN pip install --no-cache-dir --no-compile --no-deps --no-index --disable-pip-version-check \
        --root-user-action=ignore /wheels/*.whl \
    && python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pydoc_data|pip|setuptools)/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && rm -r /wheels && mkdir -p /artifacts && chmod 1777 /artifacts

WORKDIR /artifacts
ENV SHIPYARD_ARTIFACTS_DIRECTORY=/artifacts
VOLUME /artifacts
USER 10001:10001
ENTRYPOINT ["sync-blueprints"]

ARG VERSION=0.2.0
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="sync-blueprints" \
    org.opencontainers.image.description="Trigger and check data syncs in RudderStack, Fivetran and Nango" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}"
