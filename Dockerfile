# The official image of CPython, by its exact tag. A release pins its digest as well:
#   --build-arg BASE_IMAGE=python:3.11.14-slim-bookworm@sha256:…
ARG BASE_IMAGE=python:3.11.14-slim-bookworm

FROM ${BASE_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
# What changes rarely comes first: these layers are kept while the locks stay as they are. Wheels alone, by
# their hashes: nothing is compiled, so no compiler is needed. An environment without pip goes into the image.
COPY requirements/build.txt requirements/otel.txt requirements/
RUN python -m venv --without-pip /tools \
    && python -m pip --python /tools/bin/python install --require-hashes --only-binary=:all: -r requirements/build.txt
RUN python -m venv --without-pip /opt/session-consumer \
    && python -m pip --python /opt/session-consumer/bin/python install --require-hashes --only-binary=:all: \
        -r requirements/otel.txt
COPY pyproject.toml README.md ./
COPY consumer consumer
COPY schemas schemas
RUN /tools/bin/python -m hatchling build -t wheel -d /wheel \
    && python -m pip --python /opt/session-consumer/bin/python install --no-deps --no-index /wheel/*.whl

FROM ${BASE_IMAGE}
COPY --from=build /opt/session-consumer /opt/session-consumer
ENV PATH=/opt/session-consumer/bin:$PATH
# The official image has no bytecode of the standard library, and a process that may write nothing would compile
# what it imports at every start: once, here, for what `run` and the other commands import.
RUN ["python", "-c", "import consumer.cli.run, consumer.telemetry.otlp, consumer.cli.emulator, consumer.cli.demo, \
consumer.cli.status"]
ENV PYTHONDONTWRITEBYTECODE=1
# Any user id will do (a platform may choose one): nothing is written, but for what a command is told to write.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
STOPSIGNAL SIGTERM
# For `run`; other commands have no port to ask.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["python", "-m", "consumer.healthcheck"]
ENTRYPOINT ["session-consumer"]
CMD ["run"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="session-consumer" \
    org.opencontainers.image.description="Keeps Zoho People training sessions up to date from Kafka events" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
