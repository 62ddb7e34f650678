"""Maps add up to the answer, are held against chance, and are called out if they only look good."""

import keras
import numpy as np
import pytest
from keras import ops

from common.vision import explain, gradients, saliency
from common.vision.backbones import linear_top

SIDE, CLASSES = 16, 4


def network(seed=0):
    """pixels [n, 16, 16, 3] of -1 to 1 -> logits [n, 4], of random weights, smooth and bent."""
    kernels = [keras.initializers.RandomNormal(0, 0.35, seed=seed + k) for k in range(4)]
    inputs = keras.Input((SIDE, SIDE, 3))
    values = keras.layers.Conv2D(8, 3, 1, "same", activation="tanh", kernel_initializer=kernels[0],
                                 name="low")(inputs)  # fmt: skip
    values = keras.layers.BatchNormalization(name="norm")(values)
    values = keras.layers.Conv2D(8, 3, 2, "same", activation="tanh", kernel_initializer=kernels[1],
                                 name="high")(values)  # fmt: skip
    values = keras.layers.Flatten()(values)
    values = keras.layers.Dense(CLASSES, kernel_initializer=kernels[2], name="answers")(values)
    return keras.Model(inputs, values)


def logit_of(model):
    """(pixels or maps, classes) -> each one's logit of its class."""
    return lambda values, classes: ops.sum(model(values) * ops.one_hot(classes, CLASSES), axis=1)


def pictures(n, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (n, SIDE, SIDE, 3)).astype(np.float32)


def test_gradients_are_right_and_programs_are_used_again():
    traced = []
    layer = keras.layers.Dense(1, use_bias=False)
    layer.build((None, 3))

    def function(values, power):
        traced.append(values.shape)
        return layer(values**2)[:, 0] * power

    random = np.random.default_rng(0)
    values, power = random.normal(size=(5, 3)), np.arange(5, dtype=np.float32)
    for _ in range(3):
        weights = random.normal(size=(3, 1)).astype(np.float32)
        layer.set_weights([weights])  # is seen by a program that is compiled already
        outputs, slopes = gradients.of(function, values, power)
        assert outputs.dtype == slopes.dtype == np.float32
        np.testing.assert_allclose(outputs, (values**2 @ weights)[:, 0] * power, rtol=1e-4)
        np.testing.assert_allclose(slopes, 2 * values * weights[:, 0] * power[:, None], rtol=1e-4)
    once = {"tensorflow": 1, "jax": 2, "torch": 3}[keras.backend.backend()]  # JAX: weights, program
    assert len(traced) == once
    gradients.of(function, values[:2], power[:2])
    assert traced[-1][0] == 2
    np.testing.assert_array_equal(layer.get_weights()[0], weights)


def test_a_constant_has_no_slope():
    _, slopes = gradients.of(lambda values: ops.ones((2,)), np.ones((2, 3)))
    np.testing.assert_array_equal(slopes, np.zeros((2, 3)))


@pytest.mark.parametrize("function", [lambda values: values, lambda values: ops.sum(values)])
def test_one_number_an_example(function):
    with pytest.raises(ValueError, match="one number for each, shape \\(2,\\)"):
        gradients.of(function, np.ones((2, 3)))


def test_grad_cam_is_the_class_activation_map_where_that_is_exact():
    random = np.random.default_rng(0)
    inputs = keras.Input((SIDE, SIDE, 3))
    maps_model = keras.Model(inputs, keras.layers.Conv2D(6, 3, 4, activation="relu")(inputs))
    kernel = random.normal(size=(6, CLASSES)).astype(np.float32)
    top = linear_top(kernel, random.normal(size=CLASSES), maps_model.output_shape[1:])

    def lead(maps, classes):
        logits = top(maps)
        return ops.sum(logits * ops.one_hot(classes, CLASSES), axis=1) - ops.mean(logits, axis=1)

    shown, classes = pictures(5), np.array([0, 3, 1, 1, 2])
    found = saliency.grad_cam(maps_model, lead, shown, classes, batch=2)
    maps = ops.convert_to_numpy(maps_model(shown))
    wanted = explain.heat(maps, kernel, classes)
    assert found.dtype == np.float32 and found.shape == wanted.shape == (5, 4, 4)
    assert (wanted < 0).any() and (wanted > 0).any()
    np.testing.assert_allclose(found * 16, np.maximum(wanted, 0), atol=1e-5)  # of 16 places
    alone = saliency.grad_cam(maps_model, lambda each: lead(each, np.array([3])), shown[1:2])
    np.testing.assert_allclose(alone, found[1:2], atol=1e-6)


def test_grad_cam_takes_the_mean_of_a_slope_that_differs_between_places():
    random = np.random.default_rng(0)
    shown, share = random.normal(size=(3, 5, 4, 6)), random.normal(size=(5, 4, 6))
    same = keras.Sequential([keras.Input((5, 4, 6)), keras.layers.Activation("linear")])
    half = ops.convert_to_tensor(share / 2, "float32")
    found = saliency.grad_cam(same, lambda maps: ops.sum(maps**2 * half, axis=(1, 2, 3)), shown)
    weights = (shown * share).mean(axis=(1, 2))  # the slope is maps * share
    wanted = np.maximum(np.einsum("nhwd,nd->nhw", shown, weights), 0)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_integrated_gradients_add_up_and_more_steps_come_nearer():
    answer, shown, classes = logit_of(network()), pictures(3), np.array([2, 0, 3])
    starts = np.stack([np.zeros_like(shown[0]), np.full_like(shown[0], 0.5)])
    few, many = (saliency.integrated_gradients(answer, shown, starts, steps, classes, batch=7)
                 for steps in (2, 32))  # fmt: skip
    at = [gradients.of(answer, each, classes)[0] for each in
          (shown, *(np.broadcast_to(start, shown.shape) for start in starts))]  # fmt: skip
    np.testing.assert_allclose(many.change, at[0] - (at[1] + at[2]) / 2, atol=1e-5)
    np.testing.assert_allclose(many.maps.sum(axis=(1, 2)), many.change + many.gap, atol=1e-4)
    assert many.maps.dtype == np.float32 and many.maps.shape == shown.shape[:3]
    assert np.abs(many.change).min() > 0.05 and (many.maps < 0).any()
    # The error of the midpoint rule falls with the square of the steps.
    assert np.abs(many.gap).max() < np.abs(few.gap).max() / 50
    assert np.abs(many.gap).max() < 2e-3 * np.abs(many.change).max()
    each = [saliency.integrated_gradients(answer, shown, start, 32, classes) for start in starts]
    np.testing.assert_allclose(many.maps, (each[0].maps + each[1].maps) / 2, atol=1e-5)


def test_integrated_gradients_of_a_linear_answer_are_exact_in_one_step():
    weights = np.random.default_rng(1).normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    shown = np.random.default_rng(2).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
    start = np.full((SIDE, SIDE, 3), 100)
    found = saliency.integrated_gradients(
        lambda pixels: ops.sum(ops.multiply(pixels, weights), axis=(1, 2, 3)), shown, start, steps=1
    )
    wanted = ((shown.astype(float) - 100) * weights).sum(axis=-1)
    np.testing.assert_allclose(found.maps, wanted, rtol=1e-4, atol=1e-2)
    assert np.abs(found.gap).max() < 1e-3 * np.abs(wanted).sum()


def test_pointing_and_its_slack():
    maps, masks = np.zeros((4, 4, 4)), np.zeros((4, 40, 80), bool)
    maps[0, 0, 0] = maps[1, 0, 0] = maps[3, 1, 1] = 1
    masks[0, 5, 10] = True  # the middle of the first place
    masks[1, 5, 13] = True
    masks[2, :, :20] = True  # the map says nothing, and a quarter of its places lie inside
    assert saliency.pointing_game(maps, masks)[:3].tolist() == [1, 0, 0.25]
    assert saliency.pointing_game(maps, masks, slack=3)[1] == 1
    assert saliency.pointing_game(maps, masks, slack=2.9)[1] == 0
    assert np.isnan(saliency.pointing_game(maps, masks, slack=3)[3])


def test_overlap_and_mass():
    maps, masks = np.zeros((4, 8, 8), np.float32), np.zeros((4, 8, 8), bool)
    masks[:3, 2:4, 2:6] = True  # 8 pixels
    maps[0, 2:4, 2:6] = 1
    maps[1, 2:4, 4:8] = 1  # half of it
    maps[1, 0] = -5  # speaks against, and weighs nothing
    np.testing.assert_allclose(saliency.overlap(maps, masks), [1, 1 / 3, 1 / 15, np.nan])
    np.testing.assert_allclose(saliency.mass_inside(maps, masks), [1, 0.5, 1 / 8, np.nan])
    chance = saliency.by_chance(masks)  # which the third, a map that says nothing, reaches
    np.testing.assert_allclose(chance.loc[2].to_numpy(), [1 / 8, 1 / 15, 1 / 8])
    assert chance.loc[3].isna().all() and saliency.at_middle(masks).loc[3].isna().all()
    larger = masks.repeat(4, axis=1).repeat(6, axis=2)
    np.testing.assert_allclose(saliency.overlap(maps, larger)[[0, 1]], [1, 1 / 3], atol=0.1)
    np.testing.assert_allclose(saliency.mass_inside(maps, larger), [1, 0.5, 1 / 8, np.nan])
    finer = maps.repeat(3, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(saliency.mass_inside(finer, masks), [1, 0.5, 1 / 8, np.nan])


def test_sizes_keep_order_and_sign():
    maps = np.array([[[0, 1], [2, -3]]], np.float32)
    large = saliency.resized(maps, 6, 8)
    assert large.shape == (1, 6, 8) and large.max() == 2 and large.min() == -3
    np.testing.assert_allclose(saliency.resized(large, 1, 1), large.mean(keepdims=True), atol=1e-6)


def test_chance_is_what_random_maps_reach():
    random, n = np.random.default_rng(0), 3000
    mask = np.zeros((12, 18), bool)
    mask[4:10, 5:12] = mask[0, 0] = True
    masks = np.broadcast_to(mask, (n, *mask.shape))
    chance, maps = saliency.by_chance(masks[:1], 1.5).loc[0], random.random((n, *mask.shape))
    for name, found in (("pointing", saliency.pointing_game(maps, masks, 1.5)),
                        ("overlap", saliency.overlap(maps, masks)),
                        ("mass", saliency.mass_inside(maps, masks))):  # fmt: skip
        error = found.std() / np.sqrt(n)
        assert abs(found.mean() - chance[name]) < 4 * error + 0.003, name  # overlap bends a little
    assert chance["pointing"] > chance["mass"]  # slack helps chance too


def test_the_middle():
    masks = np.zeros((3, 21, 21), bool)
    masks[0, 8:13, 7:14] = masks[1, :5, :5] = masks[2, 10, 10] = True
    found = saliency.at_middle(masks)
    assert found["pointing"].tolist() == [1, 0, 1] and found["mass"].tolist()[1:] == [0, 1]
    assert 0.8 < found["mass"][0] < 1 and 0.7 < found["overlap"][0] < found["mass"][0]
    assert saliency.at_middle(masks, slack=8)["pointing"].tolist() == [1, 0, 1]
    assert saliency.at_middle(masks, slack=9)["pointing"].tolist() == [1, 1, 1]  # 6 and 6 away


def test_the_randomised_copy():
    model = network()
    norm = model.get_layer("norm")
    norm.set_weights([np.arange(8) + k for k in range(4)])
    before, inputs = model.get_weights(), keras.Input((SIDE, SIDE, 3))
    outer = keras.Model(inputs, model(keras.layers.Rescaling(0.5)(inputs)))
    whole, half = saliency.randomised(outer, seed=3), saliency.randomised(outer, seed=3, share=0.5)
    for old, still, new in zip(before, model.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(old, still)
        np.testing.assert_array_equal(np.sort(old, axis=None), np.sort(new, axis=None))
        assert np.ptp(old) == 0 or (old != new).any()
    # Of four layers the upper two: answers and high; the cascade goes on from there.
    changed = [(old != new).any() for old, new in zip(before, half.get_weights(), strict=True)]
    assert changed == [False] * 6 + [True, False] * 2  # biases are all 0
    for one, other in zip(whole.get_weights()[6:], half.get_weights()[6:], strict=True):
        np.testing.assert_array_equal(one, other)
    shown = pictures(2)
    assert np.abs(ops.convert_to_numpy(outer(shown) - whole(shown))).max() > 0.01


@pytest.fixture(scope="module")
def both():
    """A network that was "taught" and a copy that forgot, with pictures of two grey levels."""
    model, shown = network(5), np.sign(pictures(8, seed=4))
    return model, saliency.randomised(model, seed=1), shown


def test_integrated_gradients_pass_the_sanity_test(both):
    model, forgot, shown = both
    classes, start = np.arange(8) % CLASSES, np.zeros(shown.shape[1:])
    maps, others = (saliency.integrated_gradients(logit_of(each), shown, start, 4, classes).maps
                    for each in (model, forgot))  # fmt: skip
    found = saliency.sanity(maps, others)
    assert found.similarity.shape == (8,) and found.mean.value < 0.3
    assert found.passes and str(found).startswith("Passes")
    same = saliency.sanity(maps, maps)
    np.testing.assert_allclose(same.similarity, 1)
    assert not same.passes


def test_a_map_of_the_picture_alone_is_called_out(both):
    model, forgot, shown = both

    def edges(network):  # an edge detector, with a touch of the network in it
        grey = shown.mean(axis=-1)
        answers = ops.convert_to_numpy(network(shown))[:, 0]
        return np.abs(np.gradient(grey, axis=1)) * (1 + 0.1 * np.tanh(answers))[:, None, None]

    found = saliency.sanity(edges(model), edges(forgot))
    assert found.mean.low > 0.9 and not found.passes
    assert str(found).startswith("FAILS") and "do not take them for its reasons" in str(found)


def test_few_pictures_do_not_pass_by_luck():
    random = np.random.default_rng(0)
    maps, others = random.random((2, 2, 6, 6))
    others[1] = maps[1]  # one of two is alike
    found = saliency.sanity(maps, others, limit=0.9)
    assert found.mean.value < 0.9 and not found.passes and str(found).startswith("Not shown")


def test_similarity_sees_ranks_of_sizes_and_only_places_that_count():
    random = np.random.default_rng(0)
    maps = random.normal(size=(1, 8, 8))
    np.testing.assert_allclose(saliency.similarity(maps, -(np.abs(maps) ** 3)), 1)
    others = random.normal(size=(1, 8, 8))
    where = np.zeros(maps.shape, bool)
    where[:, 4:] = True
    blind, blind_others = np.where(where, maps, 0), np.where(where, others, 0)
    assert saliency.similarity(blind, blind_others) > 0.5  # only because both say 0 up there
    assert abs(saliency.similarity(blind, blind_others, where)) < 0.5
    flat = np.zeros_like(maps)
    assert saliency.similarity(flat, flat) == saliency.similarity(flat, maps) == 1
    assert saliency.similarity(maps, flat) == 0


SHOWN, MAPS, MASKS = pictures(2), np.ones((2, 4, 4)), np.ones((2, 8, 8), bool)


def _integrated(shown=SHOWN, start=SHOWN[0], **options):
    return saliency.integrated_gradients(lambda x: ops.sum(x, axis=(1, 2, 3)), shown, start,
                                         **options)  # fmt: skip


@pytest.mark.parametrize(("call", "named"), [
    (lambda: _integrated(steps=0), "^steps=0"),
    (lambda: _integrated(steps=2.5), "^steps=2.5"),
    (lambda: _integrated(batch=0), "^batch=0"),
    (lambda: _integrated(SHOWN[0]), "^pictures have shape \\(16, 16, 3\\)"),
    (lambda: _integrated(SHOWN[:0]), "^pictures have shape \\(0, 16, 16, 3\\)"),
    (lambda: _integrated(start=SHOWN[0, :8]), "^baseline has shape \\(8, 16, 3\\)"),
    (lambda: _integrated(start=np.zeros(3)), "^baseline has shape \\(3,\\)"),
    (lambda: _integrated(classes=[1]), "^classes have shape \\(1,\\)"),
    (lambda: saliency.grad_cam(keras.Sequential([keras.layers.Flatten()]), len, SHOWN),
     "^maps_model gives the shape"),
    (lambda: saliency.pointing_game(MAPS[:1], MASKS), "^maps have shape \\(1, 4, 4\\)"),
    (lambda: saliency.pointing_game(MAPS, MASKS, -1), "^slack=-1"),
    (lambda: saliency.overlap(MAPS, MASKS.astype(np.uint8)), "^masks have .* type uint8"),
    (lambda: saliency.mass_inside(MAPS * np.nan, MASKS), "^maps have places"),
    (lambda: saliency.by_chance(MASKS[0]), "^masks have shape \\(8, 8\\)"),
    (lambda: saliency.similarity(MAPS, MAPS[:, :2]), "maps_of_randomised \\(2, 2, 4\\)"),
    (lambda: saliency.similarity(MAPS, MAPS * np.inf), "maps_of_randomised have places"),
    (lambda: saliency.similarity(MAPS, MAPS, MASKS), "where \\(2, 8, 8\\)"),
    (lambda: saliency.similarity(MAPS, MAPS, MAPS == 0), "^where\\[0\\] leaves 0 places"),
    (lambda: saliency.sanity(MAPS[:1], MAPS[:1]), "^maps of 1 picture"),
    (lambda: saliency.randomised(network(), share=0), "^share=0"),
    (lambda: saliency.randomised(keras.Sequential([keras.Input((2,)), keras.layers.ReLU()])),
     "^model has no weights"),
])  # fmt: skip
def test_errors_name_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
