"""Keras' layer classes that weightscope does not replay, each with the reason; and Keras' other names for classes."""

FOREIGN, ABSTRACT, NEEDS_CODE = "foreign", "abstract", "needs your code"

# {class: (the module of keras.layers it belongs to, what it is to us, why)}
EXCUSED = {
    "Layer": ("core", ABSTRACT, "the base of all layers: a class of your own is taught by --layer-code FILE"),
    "Wrapper": ("core", ABSTRACT, "the base of layers around a layer"),
    "Lambda": ("core", NEEDS_CODE, "it holds Python code, which is never run; a function of yours can stand in for it"),
    "FlaxLayer": ("foreign", FOREIGN, "it wraps a Flax module, whose code is not in the file"),
    "JaxLayer": ("foreign", FOREIGN, "it wraps a JAX function, whose code is not in the file"),
    "TorchModuleWrapper": ("foreign", FOREIGN, "it wraps a PyTorch module, kept as a pickle, which can run any code"),
    "TFSMLayer": ("foreign", FOREIGN, "it wraps a TensorFlow SavedModel, which is in another folder"),
}

ALIASES = {
    "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D", "AvgPool3D": "AveragePooling3D",
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D", "Convolution3D": "Conv3D",
    "Convolution1DTranspose": "Conv1DTranspose", "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3DTranspose": "Conv3DTranspose", "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D", "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D", "GroupQueryAttention": "GroupedQueryAttention",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D", "MaxPool3D": "MaxPooling3D",
    "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
}
