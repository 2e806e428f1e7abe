"""Generation: which tokens may be drawn, and that the cache changes none of them."""

import numpy as np
import pytest

from mlstack_lib.autograd import no_grad
from mlstack_lib.errors import BadInput, CouldNotFinish
from mlstack_lib.generate import _Window, choose, generate
from mlstack_lib.gpt import GPT, GPTConfig

LOGITS = np.log(np.array([0.05, 0.5, 0.15, 0.3], np.float32))  # likeliest first: 1, 3, 2, 0


def model(context=16, seed=0) -> GPT:
    """A random model that attends to positions and the past, so that its text is not one token."""
    made = GPT(GPTConfig(40, context, 2, 2, 16), rng=np.random.default_rng(seed))
    for name, value in (weights := made.state_dict()).items():
        if value.ndim == 2:
            deviation = {"wte.weight": 0.2, "wpe.weight": 0.5}.get(name, 1.0)
            weights[name] = value * (deviation / value.std())
    made.load_state_dict(weights)
    return made.eval()


def drawn(n=2000, **options):
    """How often each token of LOGITS is drawn."""
    rng = np.random.default_rng(0)
    return np.bincount([choose(LOGITS, rng, **options) for _ in range(n)], minlength=4) / n


def text(of, prompt=(1, 2, 3), tokens=50, seed=0, **options):
    return list(
        generate(of, np.array(prompt), rng=np.random.default_rng(seed), tokens=tokens, **options)
    )


# ---- choosing ----


def test_temperature_0_takes_the_likeliest_and_draws_nothing():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    assert choose(LOGITS, rng, temperature=0) == 1
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_with_the_probabilities_of_the_softmax(temperature):
    want = np.exp(LOGITS / temperature)
    want /= want.sum()
    # 4 deviations of a share among 2,000 draws
    assert np.abs(drawn(temperature=temperature) - want).max() < 4 * 0.5 / 2000**0.5


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("temperature", [1e-3, 1e-300, 5e-324])
def test_a_tiny_temperature_takes_the_likeliest(temperature):
    assert drawn(50, temperature=temperature)[1] == 1


@pytest.mark.filterwarnings("error")
def test_a_huge_temperature_takes_all_alike():
    assert np.abs(drawn(temperature=float("inf")) - 0.25).max() < 4 * 0.5 / 2000**0.5


@pytest.mark.parametrize(
    ("top_k", "allowed"),
    [(1, {1}), (2, {1, 3}), (3, {1, 2, 3}), (4, {0, 1, 2, 3}), (99, {0, 1, 2, 3})],
)
def test_top_k_draws_among_the_k_likeliest(top_k, allowed):
    assert set(np.flatnonzero(drawn(top_k=top_k))) == allowed


@pytest.mark.parametrize(
    ("top_p", "allowed"),
    [(0.01, {1}), (0.49, {1}), (0.51, {1, 3}), (0.79, {1, 3}), (0.81, {1, 2, 3}),
     (0.96, {0, 1, 2, 3}), (1.0, {0, 1, 2, 3})],
)  # fmt: skip
def test_top_p_draws_among_the_fewest_that_reach_p(top_p, allowed):
    assert set(np.flatnonzero(drawn(top_p=top_p))) == allowed


def test_those_that_take_part_keep_their_proportions():
    for shares in (drawn(top_k=2), drawn(top_p=0.7)):
        assert np.abs(shares - [0, 0.625, 0, 0.375]).max() < 4 * 0.5 / 2000**0.5


def test_top_p_counts_among_the_top_k():
    # of 0.5, 0.3, 0.15 the first two make 0.84: enough for 0.83, not for 0.85
    assert set(np.flatnonzero(drawn(top_k=3, top_p=0.83))) == {1, 3}
    assert set(np.flatnonzero(drawn(top_k=3, top_p=0.85))) == {1, 2, 3}


def test_of_equally_likely_tokens_top_k_takes_the_first():
    tied = np.zeros(5, np.float32)
    seen = {choose(tied, np.random.default_rng(i), top_k=2) for i in range(50)}
    assert seen == {0, 1}


WRONG = [
    ({"temperature": -0.1}, "temperature is -0.1, must be 0 or more"),
    ({"temperature": float("nan")}, "temperature is nan, must be 0 or more"),
    ({"top_k": 0}, "top_k is 0, must be at least 1"),
    ({"top_k": -3}, "top_k is -3, must be at least 1"),
    ({"top_p": 0.0}, "top_p is 0.0, must be above 0 and at most 1"),
    ({"top_p": 1.1}, "top_p is 1.1, must be above 0 and at most 1"),
    ({"top_p": float("nan")}, "top_p is nan, must be above 0 and at most 1"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_options_that_make_no_sense_are_refused_before_the_first_token(options, message):
    with pytest.raises(BadInput, match=message):
        choose(LOGITS, np.random.default_rng(0), **options)
    with pytest.raises(BadInput, match=message):
        generate(model(), np.array([1]), rng=np.random.default_rng(0), tokens=1, **options)


# ---- generating ----


@pytest.mark.parametrize("context", [1, 2, 7, 16])
def test_the_cache_changes_no_greedy_token_across_many_window_shifts(context):
    greedy = {"temperature": 0, "tokens": 200}
    cached, anew = (text(model(context), cached=cached, **greedy) for cached in (True, False))
    assert cached == anew
    assert len(cached) == 200 > 10 * context


def test_the_greedy_text_that_is_compared_is_not_a_single_token():
    assert len(set(text(model(16), temperature=0, tokens=200))) > 10


def test_the_cache_changes_the_logits_by_no_more_than_rounding():
    of = model()
    whole = [1, 2, 3, *text(of, temperature=0, tokens=60)]
    cached, anew = _Window(of, cached=True), _Window(of, cached=False)
    for n in range(3, len(whole) + 1):
        # the logits reach 3, the largest difference is 8e-6; another BLAS may sum otherwise
        np.testing.assert_allclose(cached(whole[:n]), anew(whole[:n]), rtol=0, atol=4e-5)


@pytest.mark.parametrize("length", [1, 15, 16, 17, 24, 100])
def test_the_cache_changes_no_token_whatever_the_length_of_the_prompt(length):
    prompt = np.random.default_rng(length).integers(0, 40, length)
    options = {"prompt": prompt, "temperature": 0.9, "top_k": 20, "top_p": 0.95, "seed": 3}
    assert text(model(), cached=True, **options) == text(model(), cached=False, **options)


def test_a_token_follows_from_the_window_alone():
    """In a context of 6: 1 to 6 tokens are all seen, then the newest 4, 5, 6 ones, in turn."""
    of, prompt = model(context=6), [1]
    told = text(of, prompt, tokens=12, temperature=0)
    whole = prompt + told
    seen = [1, 2, 3, 4, 5, 6, 4, 5, 6, 4, 5, 6]
    for n, window in enumerate(seen, start=1):
        with no_grad():
            logits = of(np.array([whole[n - window : n]])).numpy()
        assert whole[n] == int(logits[0, -1].argmax())


def test_the_seed_decides_the_text():
    options = {"temperature": 1.0}
    assert text(model(), seed=1, **options) == text(model(), seed=1, **options)
    assert text(model(), seed=1, **options) != text(model(), seed=2, **options)


def test_the_text_ends_before_the_stop_token():
    whole = text(model())
    stop = whole[20]
    assert text(model(), stop=stop) == whole[: whole.index(stop)]


def test_tokens_limits_the_text_and_the_prompt_is_not_repeated():
    assert [len(text(model(), tokens=n)) for n in (0, 1, 30)] == [0, 1, 30]
    assert text(model(), tokens=30)[:10] == text(model(), tokens=10)


def test_tokens_come_one_at_a_time():
    of = model()
    forward, calls = of.forward, []
    of.forward = lambda *args: (calls.append(1), forward(*args))[1]
    stream = generate(of, np.array([1]), rng=np.random.default_rng(0), tokens=10)
    for n in range(1, 4):
        next(stream)
        assert len(calls) == n


def test_with_the_cache_each_token_is_computed_once():
    of, seen = model(context=64), []
    forward = of.forward
    of.forward = lambda idx, *rest: (seen.append(idx.shape[1]), forward(idx, *rest))[1]
    text(of, prompt=range(5), tokens=20)
    assert seen == [5] + [1] * 19


def test_two_texts_of_one_model_do_not_disturb_each_other():
    of = model()
    a, b = (
        generate(of, np.array(prompt), rng=np.random.default_rng(0), tokens=40, temperature=0)
        for prompt in ([1, 2, 3], [7])
    )
    mixed = [(next(a), next(b)) for _ in range(40)]
    assert [x for x, _ in mixed] == text(of, [1, 2, 3], tokens=40, temperature=0)
    assert [y for _, y in mixed] == text(of, [7], tokens=40, temperature=0)


def test_an_empty_prompt_is_refused():
    with pytest.raises(BadInput, match="the prompt is empty"):
        generate(model(), np.array([], np.uint16), rng=np.random.default_rng(0), tokens=1)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0, 1.0])
def test_weights_that_are_not_finite_are_named(value, temperature):
    of = model()
    of.ln_f.weight.data[0] = value
    with np.errstate(invalid="ignore"), pytest.raises(CouldNotFinish, match="are not finite"):
        text(of, temperature=temperature)
