# The part of brotli that we call; the package itself has no types.

MODE_GENERIC: int
MODE_TEXT: int
MODE_FONT: int

def compress(
    string: bytes,
    mode: int = ...,
    quality: int = ...,
    lgwin: int = ...,
    lgblock: int = ...,
) -> bytes: ...
def decompress(string: bytes) -> bytes: ...
