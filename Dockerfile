# The scripts with what they need, for `docker run IMAGE fivetran_blueprints/trigger_sync.py`; see docs/orchestrators/docker.md.
ARG PYTHON=3.13
FROM python:${PYTHON}-slim

WORKDIR /app
COPY requirements.txt requirements-tools.txt ./
RUN pip install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore \
    --requirement requirements-tools.txt

COPY LICENSE blueprints.yaml ./
COPY script script/
COPY shared shared/
COPY sync_blueprints sync_blueprints/
COPY rudderstack_blueprints rudderstack_blueprints/
COPY fivetran_blueprints fivetran_blueprints/
COPY nango_blueprints nango_blueprints/

# Bytecode for all that a run may import: the base image has none of the standard library's, and without it each start
# compiles anew. It is not checked against the sources, whose times may change on the way into a registry.
# The folder for hand-overs takes any user, as /tmp does; a new volume there starts as its copy.
RUN chmod -R u=rwX,go=rX /app \
    && library="$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(test|tests|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pydoc_data|pip|setuptools)/' "$library" /app \
    && mkdir -p /artifacts && chmod 1777 /artifacts

ENV SHIPYARD_ARTIFACTS_DIRECTORY=/artifacts
VOLUME /artifacts
USER 10001:10001
ENTRYPOINT ["python", "/app/script/entrypoint.py"]

ARG VERSION=0.1.0
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="sync-blueprints" \
    org.opencontainers.image.description="Start data syncs at RudderStack, Fivetran and Nango, and tell how they ended" \
    org.opencontainers.image.licenses="MIT" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}" \
    org.opencontainers.image.source="${SOURCE}"
