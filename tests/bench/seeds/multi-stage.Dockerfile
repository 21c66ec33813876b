# The seed's multi-stage file, brought to run today.
FROM python:3.13-slim AS build
ARG POETRY_PYPI_MIRROR_URL
WORKDIR /app
RUN pip install poetry poetry-plugin-pypi-mirror
COPY pyproject.toml poetry.lock ./
COPY library library
RUN poetry config virtualenvs.in-project true && poetry install --only main --no-root --no-interaction
FROM python:3.13-slim
RUN apt-get update && apt-get install -y libpq5 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1001 --create-home app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=project.settings.production
COPY --from=build /app/.venv .venv
COPY . .
ARG SECRET_KEY=build-only
RUN DATABASE_URL=postgresql:///none SECRET_KEY=$SECRET_KEY python manage.py collectstatic --noinput
USER 1001
EXPOSE 8000
CMD gunicorn project.wsgi --bind 0.0.0.0:8000
