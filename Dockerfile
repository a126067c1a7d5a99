# The server, built on Debian 12 and run there without the compiler, as a user of its own.
FROM debian:12-slim AS build
WORKDIR /src
COPY tools/install-packages tools/packages tools/
RUN tools/install-packages build
COPY . .
RUN meson setup build --buildtype=release --prefix=/usr && ninja -C build pledgeline && strip build/pledgeline

FROM debian:12-slim
COPY tools/install-packages tools/packages /tmp/tools/
RUN /tmp/tools/install-packages run && rm -rf /tmp/tools /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home pledgeline \
 && install -d -o pledgeline -g pledgeline -m 700 /data
COPY --from=build /src/build/pledgeline /usr/bin/pledgeline
ENV PLEDGELINE_DATA=/data
USER pledgeline
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD curl -fsS http://127.0.0.1:8080/readyz
ENTRYPOINT ["pledgeline"]
CMD ["serve"]
