"""The error function and the incomplete gamma function, which NumPy lacks."""

import math

import numpy as np

# Coefficients of the rational approximations of erf and erfc, lowest power first, one pair per interval of |x|.
# Source: FreeBSD's msun/fdlibm, s_erf.c (Sun Microsystems, 1993), which states errors below one unit in the last place.
NEAR_ZERO = (
    (1.28379167095512558561e-01, -3.25042107247001499370e-01, -2.84817495755985104766e-02,
     -5.77027029648944159157e-03, -2.37630166566501626084e-05),
    (1.0, 3.97917223959155352819e-01, 6.50222499887672944485e-02, 5.08130628187576562776e-03,
     1.32494738004321644526e-04, -3.96022827877536812320e-06),
)  # fmt: skip
AROUND_ONE = (
    (-2.36211856075265944077e-03, 4.14856118683748331666e-01, -3.72207876035701323847e-01,
     3.18346619901161753674e-01, -1.10894694282396677476e-01, 3.54783043256182359371e-02,
     -2.16637559486879084300e-03),
    (1.0, 1.06420880400844228286e-01, 5.40397917702171048937e-01, 7.18286544141962662868e-02,
     1.26171219808761642112e-01, 1.36370839120290507362e-02, 1.19844998467991074170e-02),
)  # fmt: skip
MIDDLE = (
    (-9.86494403484714822705e-03, -6.93858572707181764372e-01, -1.05586262253232909814e+01,
     -6.23753324503260060396e+01, -1.62396669462573470355e+02, -1.84605092906711035994e+02,
     -8.12874355063065934246e+01, -9.81432934416914548592e+00),
    (1.0, 1.96512716674392571292e+01, 1.37657754143519042600e+02, 4.34565877475229228821e+02,
     6.45387271733267880336e+02, 4.29008140027567833386e+02, 1.08635005541779435134e+02,
     6.57024977031928170135e+00, -6.04244152148580987438e-02),
)  # fmt: skip
TAIL = (
    (-9.86494292470009928597e-03, -7.99283237680523006574e-01, -1.77579549177547519889e+01,
     -1.60636384855821916062e+02, -6.37566443368389627722e+02, -1.02509513161107724954e+03,
     -4.83519191608651397019e+02),
    (1.0, 3.03380607434824582924e+01, 3.25792512996573918826e+02, 1.53672958608443695994e+03,
     3.19985821950859553908e+03, 2.55305040643316442583e+03, 4.74528541206955367215e+02,
     -2.24409524465858183362e+01),
)  # fmt: skip
ERF_OF_ONE = 8.45062911510467529297e-01  # erf(1) in float32: the expansion around one starts from it

# One odd rational function of float32 accuracy: x · P(x²) / Q(x²), held at ±1 beyond SINGLE_LIMIT.
# Source: Eigen's generic_fast_erf_float (MathFunctionsImpl.h).
SINGLE = (
    (1.128379143519084e00, 1.8520832239976145e-01, 5.0955695062380861e-02, 3.4082910107109506e-03,
     2.2905065861350646e-04),
    (1.0, 4.9746925110067538e-01, 1.1098505178285362e-01, 1.4070470171167667e-02, 1.0179625278914885e-03,
     2.3547966471313185e-05, -1.1791602954361697e-07),
)  # fmt: skip
SINGLE_LIMIT = 3.832506856900711


def erf(x):
    """The error function 2/√π ∫₀ˣ exp(−t²) dt of every element.

    ``x`` is a float array of any shape; the result has its shape and dtype. In float64 the error is about one unit in
    the last place, in float32 about five; smaller floats are computed in float32.
    """
    x = np.asarray(x)
    return erf_double(x) if x.dtype == np.float64 else erf_single(x.astype(np.float32)).astype(x.dtype, copy=False)


def erf_single(x):
    """erf in one rational function, for float32."""
    x = np.clip(x, -SINGLE_LIMIT, SINGLE_LIMIT)
    return np.clip(x * ratio(SINGLE, x * x), -1, 1)


def erf_double(x):
    """erf by intervals of |x|, as fdlibm has it, for float64."""
    magnitude = np.abs(x)
    result = np.where(np.isnan(x), x, 1.0)
    near_zero = magnitude < 0.84375
    around_one = (magnitude >= 0.84375) & (magnitude < 1.25)
    beyond = (magnitude >= 1.25) & (magnitude < 6)
    a = magnitude[near_zero]
    result[near_zero] = a + a * ratio(NEAR_ZERO, a * a)
    result[around_one] = ERF_OF_ONE + ratio(AROUND_ONE, magnitude[around_one] - 1)
    result[beyond] = 1 - erfc_beyond(magnitude[beyond])
    return np.copysign(result, x)


def erfc_beyond(a):
    """1 − erf for 1.25 ≤ a < 6: exp(−a²) / a times a rational function of 1/a²."""
    inverse_square = 1 / (a * a)
    fit = np.where(a < 1 / 0.35, ratio(MIDDLE, inverse_square), ratio(TAIL, inverse_square))
    # exp(−a²) would lose digits to the rounding of a²: `short` has few enough bits for an exact square.
    short = a.astype(np.float32).astype(np.float64)
    return np.exp(-short * short - 0.5625) * np.exp((short - a) * (short + a) + fit) / a


def ratio(coefficients, x):
    """One polynomial over another, both given lowest power first."""
    above, below = coefficients
    return polynomial(above, x) / polynomial(below, x)


def polynomial(coefficients, x):
    """Horner's rule."""
    value = np.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        value *= x
        value += coefficient
    return value


MOST_TERMS = 10_000
_log_gamma = np.vectorize(math.lgamma, otypes=[np.float64])


def gamma_below(a, x):
    """The share of the gamma function of ``a`` below ``x``: ∫₀ˣ exp(−t) t^(a−1) dt / Γ(a), of every element.

    ``a``, ``x``: float64 arrays that broadcast; the result is float64, NaN where a ≤ 0 or x < 0. Source: the series and
    the continued fraction of DLMF 8.11.4 and 8.9.2, each where it converges soon.
    """
    a, x = np.broadcast_arrays(a, x)
    y = np.full(a.shape, np.nan)
    y[(a > 0) & (x == 0)] = 0
    y[(a > 0) & np.isposinf(x)] = 1
    inside = (a > 0) & (x > 0) & np.isfinite(x) & np.isfinite(a)
    near = inside & (x < a + 1)
    beyond = inside & ~near
    y[near] = _weight(a[near], x[near]) * _series(a[near], x[near])
    y[beyond] = 1 - _weight(a[beyond], x[beyond]) / _fraction(a[beyond], x[beyond])
    return y


def _weight(a, x):
    return np.exp(a * np.log(x) - x - _log_gamma(a)) if a.size else a


def _series(a, x):
    """1/a + x/(a(a+1)) + x²/(a(a+1)(a+2)) + …"""
    term = 1 / a
    total, place = term.copy(), a.copy()
    for _ in range(MOST_TERMS):
        place += 1
        term *= x / place
        total += term
        if np.all(term <= total * 1e-17):
            break
    return total


def _fraction(a, x):
    """x + 1 − a − 1(1−a)/(x + 3 − a − 2(2−a)/(x + 5 − a − …)), by Lentz' rule from the front."""
    tiny = np.finfo(np.float64).tiny
    b = x + 1 - a
    b = np.where(b == 0, tiny, b)
    total, above, below = b.copy(), b.copy(), np.zeros_like(b)
    for n in range(1, MOST_TERMS):
        top, b = -n * (n - a), b + 2
        below = b + top * below
        below = 1 / np.where(below == 0, tiny, below)
        above = b + top / above
        above = np.where(above == 0, tiny, above)
        total *= above * below
        if np.all(np.abs(above * below - 1) < 1e-16):
            break
    return total
