"""A gRPC app and its client, by grpcio: messages are plain bytes, so nothing is generated.

  app.py serve PORT NAME [--health STATUS] [--sick FILE]   answers NAME; while FILE is there, UNAVAILABLE
  app.py call PORT COUNT [--header NAME=VALUE]             counts answers and statuses: `blue 20`, a line each
"""

import argparse
import collections
import os
from concurrent import futures

import grpc

SERVICE = "shop.v1.Cart"


def plain(bytes):
    return bytes


def serve(port, name, health, sick):
    def add(_, context):
        if sick and os.path.exists(sick):
            context.abort(grpc.StatusCode.UNAVAILABLE, "no stock")
        return name.encode()

    def check(_, __):
        # HealthCheckResponse: field 1, an enum.
        return bytes([8, health])

    def handler(service, **methods):
        return grpc.method_handlers_generic_handler(service, {
            method: grpc.unary_unary_rpc_method_handler(
                call, request_deserializer=plain, response_serializer=plain)
            for method, call in methods.items()})

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((handler(SERVICE, Add=add),))
    if health is not None:
        server.add_generic_rpc_handlers((handler("grpc.health.v1.Health", Check=check),))
    if server.add_insecure_port(f"127.0.0.1:{port}") != port:
        raise SystemExit(f"port {port} is taken")
    server.start()
    server.wait_for_termination()


def call(port, count, headers):
    seen = collections.Counter()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        add = channel.unary_unary(f"/{SERVICE}/Add", request_serializer=plain, response_deserializer=plain)
        for _ in range(count):
            try:
                seen[add(b"", timeout=5, metadata=headers).decode()] += 1
            except grpc.RpcError as error:
                seen[error.code().name] += 1
    for answer, times in sorted(seen.items()):
        print(answer, times)


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["serve", "call"])
parser.add_argument("port", type=int)
parser.add_argument("word")
parser.add_argument("--health", type=int)
parser.add_argument("--sick")
parser.add_argument("--header", action="append", default=[])
given = parser.parse_args()
if given.what == "serve":
    serve(given.port, given.word, given.health, given.sick)
else:
    call(given.port, int(given.word), [tuple(header.split("=", 1)) for header in given.header])
