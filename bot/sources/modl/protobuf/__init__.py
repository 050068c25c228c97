"""The protobuf form of the modl API: the same operations below /v3/minecraft, as `minecraft.proto` describes.

`minecraft_pb2.py` and `minecraft_pb2.pyi` are generated from it by `make proto`.
"""
