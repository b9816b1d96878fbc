"""What Keras 3.16 brings, by the names in its main branch of July 2026: known before it is released."""

CLASSES = {"TernaryDense"}
OPERATIONS = {("keras.src.ops.numpy", "columnstack"), ("keras.src.ops.math", "gammainc"),
              ("keras.src.ops.linalg", "matrixpower")}
