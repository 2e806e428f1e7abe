"""Wrong solutions of chapter 06."""

from collections import Counter
from itertools import chain, pairwise

import numpy as np
from zoo import mutant

from mlstack_lib.course.exercises.chapter_06 import count_pairs, merge_pair

# ---- 6.1 merge a pair ----


@mutant("6.1 merge a pair", "result is [9, 3, 1, 2], want [9, 3, 9]")
def loses_the_last_pair(ids, pair, token):
    merged, i = [], 0
    while i < len(ids):
        if i < len(ids) - 2 and (ids[i], ids[i + 1]) == pair:
            merged.append(token)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@mutant("6.1 merge a pair", "result is [9, 9], want [9, 5]. Case: ids [5, 5, 5]")
def uses_an_id_twice(ids, pair, token):
    merged, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            merged.append(token)
            i += 1 if tuple(ids[i + 1 : i + 3]) == pair else 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


@mutant("6.1 merge a pair", "result is [9, 2, 3, 9, 2], want [9, 3, 9]")
def forgets_to_skip_the_right_one(ids, pair, token):
    return [token if tuple(ids[i : i + 2]) == pair else ids[i] for i in range(len(ids))]


@mutant("6.1 merge a pair", "want [2, 1, 3, 1, 9]")
def takes_the_pair_in_either_order(ids, pair, token):
    merged = []
    for i in ids:
        if merged and sorted((merged[-1], i)) == sorted(pair):
            merged[-1] = token
        else:
            merged.append(i)
    return merged


@mutant("6.1 merge a pair", "it changed `ids`: work on a copy")
def merges_in_place(ids, pair, token):
    i = 0
    while i < len(ids) - 1:
        if (ids[i], ids[i + 1]) == pair:
            ids[i : i + 2] = [token]
        i += 1
    return ids


@mutant("6.1 merge a pair", "result is [5, 9], want [9, 5]")
def goes_from_right_to_left(ids, pair, token):
    return merge_pair(ids[::-1], pair[::-1], token)[::-1]


# ---- 6.2 learn merges ----


def most_frequent(total):
    return min(total, key=lambda pair: (-total[pair], pair))


@mutant("6.2 learn merges", "merge 1[0] is 2, want 9")
def counts_only_once(words, counts, first_id, n):
    total = count_pairs(words, counts)
    return sorted(total, key=lambda pair: (-total[pair], pair))[:n]


@mutant("6.2 learn merges", "merge 0[0] is 1, want 3. Case: words [[1, 2], [3, 4]], counts [1, 5]")
def ignores_how_often_a_word_occurs(words, counts, first_id, n):
    merges = []
    while len(merges) < n and (total := count_pairs(words, [1] * len(words))):
        merges.append(most_frequent(total))
        words = [merge_pair(word, merges[-1], first_id + len(merges) - 1) for word in words]
    return merges


@mutant("6.2 learn merges", "Look: of equally frequent pairs the smallest comes first")
def takes_the_first_of_equals(words, counts, first_id, n):
    merges = []
    while len(merges) < n and (total := count_pairs(words, counts)):
        merges.append(max(total, key=total.get))
        words = [merge_pair(word, merges[-1], first_id + len(merges) - 1) for word in words]
    return merges


@mutant("6.2 learn merges", "merge 1[0] is 10, want 9")
def numbers_tokens_one_too_high(words, counts, first_id, n):
    merges = []
    while len(merges) < n and (total := count_pairs(words, counts)):
        merges.append(most_frequent(total))
        words = [merge_pair(word, merges[-1], first_id + len(merges)) for word in words]
    return merges


@mutant("6.2 learn merges", "ValueError")
def does_not_stop_when_no_pair_is_left(words, counts, first_id, n):
    merges = []
    for i in range(n):
        merges.append(most_frequent(count_pairs(words, counts)))
        words = [merge_pair(word, merges[-1], first_id + i) for word in words]
    return merges


@mutant("6.2 learn merges", "a pair never reaches from one word into the next")
def counts_pairs_across_words(words, counts, first_id, n):
    merges, ids = [], list(chain.from_iterable(w * c for w, c in zip(words, counts, strict=True)))
    while len(merges) < n and (total := Counter(pairwise(ids))):
        merges.append(most_frequent(total))
        ids = merge_pair(ids, merges[-1], first_id + len(merges) - 1)
    return merges


@mutant("6.2 learn merges", "it changed")
def changes_the_words_it_was_given(words, counts, first_id, n):
    merges = []
    while len(merges) < n and (total := count_pairs(words, counts)):
        merges.append(most_frequent(total))
        for word in words:
            word[:] = merge_pair(word, merges[-1], first_id + len(merges) - 1)
    return merges


# ---- 6.3 apply merges ----


@mutant("6.3 apply merges", "result is [11, 3], want [1, 10]")
def goes_from_left_to_right(ids, token_of):
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        ids = merge_pair(ids, known[0], token_of[known[0]])
    return list(ids)


@mutant("6.3 apply merges", "result is [10, 3], want [12]")
def makes_one_merge_only(ids, token_of):
    known = [pair for pair in pairwise(ids) if pair in token_of]
    if known:
        first = min(known, key=token_of.get)
        ids = merge_pair(ids, first, token_of[first])
    return list(ids)


@mutant("6.3 apply merges", "result is [11, 3], want [1, 10]")
def takes_the_order_of_the_dictionary(ids, token_of):
    for pair, token in token_of.items():
        ids = merge_pair(ids, pair, token)
    return list(ids)


@mutant("6.3 apply merges", "result is [11, 3], want [1, 10]")
def takes_the_largest_token(ids, token_of):
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        first = max(known, key=token_of.get)
        ids = merge_pair(ids, first, token_of[first])
    return list(ids)


@mutant("6.3 apply merges", "result is [11, 3], want [1, 10]")
def takes_the_smallest_pair(ids, token_of):
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        ids = merge_pair(ids, min(known), token_of[min(known)])
    return list(ids)


@mutant("6.3 apply merges", "it returned None: is there a return?")
def returns_only_from_the_loop(ids, token_of):
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        first = min(known, key=token_of.get)
        ids = merge_pair(ids, first, token_of[first])
        if len(ids) == 1:
            return ids
    return None


@mutant("6.3 apply merges", "it returned the list it got: make a new one")
def returns_what_it_was_given(ids, token_of):
    while known := [pair for pair in pairwise(ids) if pair in token_of]:
        first = min(known, key=token_of.get)
        ids = merge_pair(ids, first, token_of[first])
    return ids


# ---- 6.4 decode ----


def token_list(alphabet, merges):
    tokens = [bytes([byte]) for byte in alphabet]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return tokens


@mutant("6.4 decode", "join all bytes first, then decode")
def decodes_each_token_alone(ids, alphabet, merges):
    tokens = token_list(alphabet, merges)
    return "".join(tokens[i].decode("utf-8", "replace") for i in ids)


@mutant("6.4 decode", "UnicodeDecodeError")
def does_not_replace(ids, alphabet, merges):
    tokens = token_list(alphabet, merges)
    return b"".join(tokens[i] for i in ids).decode("utf-8")


@mutant("6.4 decode", "bytes that are no UTF-8 become U+FFFD")
def drops_what_is_not_utf8(ids, alphabet, merges):
    tokens = token_list(alphabet, merges)
    return b"".join(tokens[i] for i in ids).decode("utf-8", "ignore")


@mutant("6.4 decode", "the byte of id i is alphabet[i]")
def takes_ids_for_bytes(ids, alphabet, merges):
    tokens = token_list(range(256), merges)
    return b"".join(tokens[i] for i in ids).decode("utf-8", "replace")


@mutant("6.4 decode", "text is b'sea', want 'sea'")
def returns_bytes(ids, alphabet, merges):
    tokens = token_list(alphabet, merges)
    return b"".join(tokens[i] for i in ids)


@mutant("6.4 decode", "join all bytes first, then decode")
def takes_bytes_for_characters(ids, alphabet, merges):
    tokens = [chr(byte) for byte in alphabet]
    for left, right in merges:
        tokens.append(tokens[left] + tokens[right])
    return "".join(tokens[i] for i in ids)


@mutant("6.4 decode", "a merged token is its left part, then its right part")
def joins_the_parts_the_wrong_way_round(ids, alphabet, merges):
    tokens = [bytes([byte]) for byte in alphabet]
    for left, right in merges:
        tokens.append(tokens[right] + tokens[left])
    return b"".join(tokens[i] for i in ids).decode("utf-8", "replace")


# ---- 6.5 windows ----


@mutant("6.5 windows", "idx has the dtype uint16, want int32")
def keeps_uint16(ids, starts, context):
    windows = ids[starts[:, None] + np.arange(context + 1)]
    return windows[:, :-1], windows[:, 1:]


@mutant("6.5 windows", "targets are the same window, one token later")
def targets_are_the_inputs(ids, starts, context):
    idx = ids[starts[:, None] + np.arange(context)].astype(np.int32)
    return idx, idx


@mutant("6.5 windows", "targets[0, 4] is")
def rolls_inside_the_window(ids, starts, context):
    idx = ids[starts[:, None] + np.arange(context)].astype(np.int32)
    return idx, np.roll(idx, -1, axis=1)


@mutant("6.5 windows", "idx has the shape (3, 4), want (3, 5)")
def has_a_window_one_too_short(ids, starts, context):
    windows = ids[starts[:, None] + np.arange(context)].astype(np.int32)
    return windows[:, :-1], windows[:, 1:]


@mutant("6.5 windows", "idx[0, 0] is")
def moves_the_targets_back(ids, starts, context):
    windows = ids[starts[:, None] + np.arange(context + 1)].astype(np.int32)
    return windows[:, 1:], windows[:, :-1]


@mutant("6.5 windows", "idx is of type list, want an array")
def returns_lists(ids, starts, context):
    idx = [ids[s : s + context].tolist() for s in starts]
    return idx, [ids[s + 1 : s + 1 + context].tolist() for s in starts]


@mutant("6.5 windows", "it must return a pair: idx and targets")
def returns_one_array(ids, starts, context):
    return ids[starts[:, None] + np.arange(context + 1)].astype(np.int32)


# ---- 6.6 bits per byte ----


@mutant("6.6 bits per byte", "is 5.545, want 8")
def leaves_nats(loss, n_tokens, n_bytes):
    return loss * n_tokens / n_bytes


@mutant("6.6 bits per byte", "is 4, want 0.25")
def divides_the_wrong_way_round(loss, n_tokens, n_bytes):
    return loss * n_bytes / n_tokens / np.log(2)


@mutant("6.6 bits per byte", "is 1, want 0.25")
def gives_bits_a_token(loss, n_tokens, n_bytes):
    return loss / np.log(2)


@mutant("6.6 bits per byte", "is 3.844, want 8")
def multiplies_by_log_2(loss, n_tokens, n_bytes):
    return loss * n_tokens / n_bytes * np.log(2)


@mutant("6.6 bits per byte", "is 0.8, want 8")
def takes_the_loss_for_that_of_the_whole_text(loss, n_tokens, n_bytes):
    return loss / n_bytes / np.log(2)
