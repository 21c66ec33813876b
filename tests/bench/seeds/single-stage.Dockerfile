# The seed's single-stage file, brought to run today.
FROM python:3.13-slim
ARG POETRY_PYPI_MIRROR_URL
ENV PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=project.settings.production
WORKDIR /app
RUN pip install poetry poetry-plugin-pypi-mirror
COPY . .
RUN poetry config virtualenvs.create false && poetry install --only main --no-root --no-interaction
ARG SECRET_KEY=build-only
RUN DATABASE_URL=postgresql:///none SECRET_KEY=$SECRET_KEY python manage.py collectstatic --noinput
EXPOSE 8000
CMD gunicorn project.wsgi --bind 0.0.0.0:8000
