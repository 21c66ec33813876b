"""Takes more memory without end before it serves."""

print("loading the model", flush=True)
kept = []
while True:
    kept.append(bytearray(4_000_000))
