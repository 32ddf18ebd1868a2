"""The only door of Praxis: HTTP and JSON outside, gRPC and protobuf inside."""
