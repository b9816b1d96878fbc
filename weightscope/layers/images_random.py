"""Keras' image layers that work while a model learns; ``predict`` hands their images on, in the layer's dtype.

Read from each layer's ``transform_images`` in ``keras.src.layers.preprocessing.image_preprocessing``.
"""

from weightscope.layers.images import ImageLayer
from weightscope.model.layer import keras_layer


class Augmentation(ImageLayer):
    """The base of the layers that change images by chance while training, and not at all in ``predict``."""

    formula = "y = x (it works while training only)"
    keeps_samples_apart = True
    ignored = ("bounding_box_format", "factor", "value_range", "interpolation", "fill_mode", "fill_value")

    def shape(self, x):
        return x

    def forward(self, x):
        return x


@keras_layer
class AugMix(Augmentation):
    """While training, mixes images from chains of random augmentations."""

    ignored = (*Augmentation.ignored, "num_chains", "chain_depth", "alpha", "all_ops")


@keras_layer
class CutMix(Augmentation):
    """While training, pastes a patch of another image of the batch into each."""


@keras_layer
class Equalization(Augmentation):
    """While training, makes every brightness as frequent as the others."""

    ignored = (*Augmentation.ignored, "bins")


@keras_layer
class MixUp(Augmentation):
    """While training, blends each image with another one of the batch."""

    ignored = (*Augmentation.ignored, "alpha")


@keras_layer
class RandAugment(Augmentation):
    """While training, applies ``num_ops`` augmentations drawn from eleven."""

    ignored = (*Augmentation.ignored, "num_ops")


@keras_layer
class RandomBrightness(Augmentation):
    """While training, makes images brighter or darker."""


@keras_layer
class RandomColorDegeneration(Augmentation):
    """While training, takes colour out of images."""


@keras_layer
class RandomColorJitter(Augmentation):
    """While training, changes brightness, contrast, saturation and hue."""

    ignored = (*Augmentation.ignored, "brightness_factor", "contrast_factor", "saturation_factor", "hue_factor")


@keras_layer
class RandomContrast(Augmentation):
    """While training, moves every value away from the mean of its channel, or towards it."""


@keras_layer
class RandomCrop(Augmentation):
    """While training, cuts a part of ``height`` × ``width`` out of images.

    In ``predict`` they stay whole, whatever Keras' symbolic shape says.
    """

    ignored = (*Augmentation.ignored, "height", "width")


@keras_layer
class RandomElasticTransform(Augmentation):
    """While training, bends images like rubber."""

    ignored = (*Augmentation.ignored, "scale")


@keras_layer
class RandomErasing(Augmentation):
    """While training, covers a rectangle of each image."""

    ignored = (*Augmentation.ignored, "scale")


@keras_layer
class RandomFlip(Augmentation):
    """While training, mirrors images."""

    ignored = (*Augmentation.ignored, "mode")


@keras_layer
class RandomGaussianBlur(Augmentation):
    """While training, blurs images."""

    ignored = (*Augmentation.ignored, "kernel_size", "sigma")


@keras_layer
class RandomGrayscale(Augmentation):
    """While training, makes some images grey."""


@keras_layer
class RandomHue(Augmentation):
    """While training, turns the colours of images."""


@keras_layer
class RandomInvert(Augmentation):
    """While training, makes negatives of some images."""


@keras_layer
class RandomPerspective(Augmentation):
    """While training, looks at images from aside."""

    ignored = (*Augmentation.ignored, "scale")


@keras_layer
class RandomPosterization(Augmentation):
    """While training, leaves fewer bits of every colour."""


@keras_layer
class RandomRotation(Augmentation):
    """While training, turns images."""


@keras_layer
class RandomSaturation(Augmentation):
    """While training, makes colours stronger or weaker."""


@keras_layer
class RandomSharpness(Augmentation):
    """While training, sharpens or softens images."""


@keras_layer
class RandomShear(Augmentation):
    """While training, slants images."""

    ignored = (*Augmentation.ignored, "x_factor", "y_factor")


@keras_layer
class RandomTranslation(Augmentation):
    """While training, moves images."""

    ignored = (*Augmentation.ignored, "height_factor", "width_factor")


@keras_layer
class RandomZoom(Augmentation):
    """While training, enlarges images or makes them smaller."""

    ignored = (*Augmentation.ignored, "height_factor", "width_factor")


@keras_layer
class Solarization(Augmentation):
    """While training, turns values above a threshold into their negatives."""

    ignored = (*Augmentation.ignored, "addition_factor", "threshold_factor")
