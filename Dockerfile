# The app as an image: `inv build --image`, or without castoff `docker build .`
# From the layer that changes least to the one that changes most: packages, castoff, static files,
# code, templates. The same source gives the same layers anywhere: every file has the time 0.

# What installs. By way of a mirror: --build-arg PIP_INDEX_URL=…; with certificates of your own:
# --secret id=ca,src=FILE, which has all of them. Nothing of this stage gets into the image.
FROM python:3.13-slim AS tools
ARG PIP_INDEX_URL=https://pypi.org/simple
ENV UV_DEFAULT_INDEX=$PIP_INDEX_URL UV_LINK_MODE=copy PYTHONDONTWRITEBYTECODE=1 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    SITE=/image/usr/local/lib/python3.13/site-packages
WORKDIR /build
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    pip install --root-user-action=ignore --no-compile uv==0.13.9

# The main group of poetry.lock, by hash. Poetry itself would take half of the whole build for it.
FROM tools AS packages
COPY poetry.lock ./
RUN python -c "import tomllib; \
    locked = tomllib.load(open('poetry.lock', 'rb'))['package']; \
    main = [one for one in locked if 'main' in one['groups'] and one['files'] and not one['optional']]; \
    [print(one['name'], '==', one['version'], *(';', one['markers']) if 'markers' in one else (), \
           *('--hash=' + file['hash'] for file in one['files'])) for one in main]" >locked.txt
# No image can write byte code when it runs, so it is made here, also of what is imported of the
# standard library. Left out is what no server reads: translators' sources, GeoDjango's byte code.
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    uv pip install --prefix=/image/usr/local --no-deps --require-hashes -r locked.txt \
    && find /image -name '*.po' -delete \
    && python -m compileall -q -j 0 -s /image -x /gis/ --invalidation-mode=unchecked-hash $SITE \
    && PYTHONDONTWRITEBYTECODE= PYTHONPATH=$SITE python -c 'import django.core.wsgi, psycopg_pool, \
       django.contrib.auth.management, gunicorn.app.wsgiapp, gunicorn.workers.gthread, whitenoise' \
    && find /usr/local/lib/python3.13 -name __pycache__ -exec cp -r --parents -t /image {} + \
    && find /image -exec touch -hd @0 {} +

# castoff is a folder of this repository: it has no hash, and changes more often than the others.
FROM tools AS castoff
COPY library library
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    uv build --wheel --out-dir wheel library && python -m zipfile -e wheel/*.whl $SITE \
    && python -m compileall -q -s /image --invalidation-mode=unchecked-hash $SITE \
    && find /image -exec touch -hd @0 {} +

# What runs: without pip, and with a name for the user, which libpq and getpass ask for. pip's folders
# are replaced, because a file that is deleted leaves a mark in the layer, with the time of the build.
FROM python:3.13-slim AS runtime
RUN cd /usr/local && cp -a bin new && rm -r bin new/pip* && mv new bin \
    && cd lib/python3.13 && rm -r ensurepip site-packages && mkdir -p ensurepip site-packages /app \
    && echo 'app:x:1001:1001::/app:/usr/sbin/nologin' >>/etc/passwd \
    && echo 'app:x:1001:' >>/etc/group \
    && touch -d @0 . ensurepip site-packages /app /etc /etc/group /etc/passwd /usr/local /usr/local/bin
COPY --from=packages /image/ /
COPY --from=castoff /image/ /
ENV DJANGO_SETTINGS_MODULE=project.settings.production PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app

# Everybody may read it, whatever the umask of the clone. Templates go another way, so that a change
# of one makes nothing else anew; release.json too, which plain `docker build` does without.
FROM python:3.13-slim AS source
COPY manage.py /code/app/
COPY project /code/app/project
COPY release.jso[n] /templates/app/
RUN mkdir -p /templates/app/project && mv /code/app/project/templates /templates/app/project \
    && chmod -R u=rwX,go=rX /code /templates && find /code /templates -exec touch -hd @0 {} +

# Static files need no database, and a key that nobody knows and that this one command has.
FROM runtime AS build
COPY --from=source /code/ /code/
RUN cd /code/app && mkdir -p /static/app \
    && DATABASE_URL=postgresql:///none SECRET_KEY=$(cat /proc/sys/kernel/random/uuid) \
       python manage.py collectstatic --no-input && mv staticfiles /static/app \
    && python -m compileall -q -s /code --invalidation-mode=checked-hash /code \
    && find /code /static -exec touch -hd @0 {} +

FROM runtime
COPY --from=build /static/ /
COPY --from=build /code/ /
COPY --from=source /templates/ /
USER 1001
EXPOSE 8000
CMD ["gunicorn", "--config=project/gunicorn.py", "project.wsgi"]
