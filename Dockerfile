# Hedgerow in a container; docs/operations.md has the details.
#   docker build -t hedgerow .
#   docker run --init -p 8000:8000 -v hedgerow:/data hedgerow

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/hedgerow
# The pinned dependencies change less often than the code: a layer of their own.
COPY constraints.txt ./
RUN /opt/hedgerow/bin/python -m pip install --require-hashes -r constraints.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /opt/hedgerow/bin/python -m pip install --no-deps --no-build-isolation . \
    && /opt/hedgerow/bin/python -m pip uninstall --yes hatchling editables \
    && /opt/hedgerow/bin/python -m compileall -q /opt/hedgerow/lib/python3.11/site-packages/hedgerow

FROM python:3.11-slim
RUN groupadd --gid 10001 hedgerow \
    && useradd --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin hedgerow \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/hedgerow /opt/hedgerow
ENV PATH=/opt/hedgerow/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    HEDGEROW_HOST=0.0.0.0 \
    HEDGEROW_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD python -c "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('HEDGEROW_PORT', '8000') + '/_health/live', timeout=4)"
ENTRYPOINT ["hedgerow"]
CMD ["serve"]
