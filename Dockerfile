# docker build -t evalharness .
# docker run --rm -v "$PWD:/suites" evalharness gate facts --candidate tuned --baseline base
FROM python:3.12-slim AS build
WORKDIR /source
COPY . .
RUN python -m venv /home/evalharness/env \
 && /home/evalharness/env/bin/pip install --no-cache-dir -c constraints.txt .

FROM python:3.12-slim
RUN useradd --create-home evalharness && mkdir /suites && chown evalharness /suites
COPY --from=build /home/evalharness/env /home/evalharness/env
ENV PATH=/home/evalharness/env/bin:$PATH
USER evalharness
WORKDIR /suites
ENTRYPOINT ["evalharness"]
CMD ["--help"]
