"""The small models that these tests print."""

from shown_models import shown  # noqa: F401  (a fixture)
