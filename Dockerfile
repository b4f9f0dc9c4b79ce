# The image is the static binary and the certificates to trust, on nothing:
#
#   docker build --build-arg VERSION=v1.0.0 -t tidegate .
#   docker run -p 8000:8000 -e TIDEGATE_KEYS=<at least 16 bytes> tidegate
#
# Without an access key the gateway listens on loopback only, which nobody outside
# a container reaches; so the image asks for one. scripts/chroot.sh proves without
# a container engine that the binary needs nothing else.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# The modules first: a layer that changes with go.mod alone.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=${VERSION}" -o /gateway ./gateway

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /gateway /gateway
USER 65532:65532
# The public listener is for everybody; the operator's, with metrics and data
# plane, stays on the container's loopback until TIDEGATE_OPERATOR says otherwise.
ENV TIDEGATE_LISTEN=0.0.0.0:8000 TIDEGATE_LOG_FORMAT=json
EXPOSE 8000 9000
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/gateway", "probe"]
ENTRYPOINT ["/gateway"]
