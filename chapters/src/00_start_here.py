# %% [markdown] id="title"
# # 00 Start here
#
# In this course you build a whole machine-learning stack yourself: tensors, automatic differentiation,
# LayerNorm, AdamW, a tokenizer and a Transformer, the kind of network behind programs that write; then the
# same operations as **kernels**, small functions for graphics processors, in the languages CUDA C and WGSL;
# and at the end you train a Transformer of twelve million parameters on the kernels you wrote. You need not
# know any of these names yet. You need Python and a laptop; the chapters that are here need no GPU.
#
# **What you build.** Three functions of one line each, to see how exercises work.
#
# **What you can do afterwards.** You can
# - run a chapter, and run it again from the start;
# - read what a check says of your work: `[todo]`, `[no]`, `[ok]`;
# - say what this machine has for the course, and where to look for help.
#
# **What you need.** Python: functions, lists, a little NumPy. 15 minutes.

# %% id="setup"
import numpy as np

from mlstack_lib.course import check, doctor, figures, use
from mlstack_lib.course.exercises import chapter_00 as given
from mlstack_lib.course.figures import show
from mlstack_lib.course.pictures.exercise import draw_exercise
from mlstack_lib.course.pictures.stack import draw_stack
from mlstack_lib.course.recorded import show_recorded

figures.style()

# %% [markdown] id="run"
# ## 1. Run cells
#
# This page is a **notebook**: text, and **cells** of Python. Click into a cell and press Shift+Enter: it
# runs, what it prints appears below it, and the next cell is chosen. Beside it stands `[*]` while it is
# running, then a number. Run the cell above now (it prints nothing), then go on downwards. Outputs are
# stored in the page: what you see before you run anything is what the code gave when it was written.
#
# Cells share their variables, so the order matters. If something looks wrong, do what always works: *Run*,
# then *Restart Kernel and Run All Cells*. (There, "kernel" is the Python process behind this page.) It
# forgets everything and runs the page from the top. Every chapter of this course runs that way without an
# error, also while its exercises are still empty.
#
# ## 2. What you will build
#
# What rests on what?

# %% id="stack"
show(draw_stack(), "Figure {figure:stack}. The stack from the machine up. Chapters 01 to 07 build a "
     "working stack on NumPy; 08 to 14 replace its kernels by your own for GPUs.")  # fmt: skip

# %% [markdown] id="stack-after"
# The numbers are the order to go in; the README says which chapters are there and which are planned. Each
# builds on the ones before, but needs only their ideas: where you left an exercise open, the later cells
# use the course's own function.
#
# ## 3. What comes out
#
# The finished code is a small package, `mlstack_lib`. With it, one command trains a Transformer of 0.9
# million parameters on a laptop's processor, on the source files of Python itself (python-stdlib). This is a
# run of that command, recorded once. The upper curves say how badly it predicts the next piece of text, less
# is better; their units come in chapters 03 and 06, the lower curves in chapter 05.

# %% id="trained-model"
show_recorded("laptop", "Figure {figure:run}")

# %% [markdown] id="trained-model-after"
# The text is no Python that would run, but the model has never been told what Python is. You get a run of
# your own with `mlstack train --preset laptop` in a terminal. By chapter 07 you know every step of it.
#
# ## 4. Exercises
#
# An exercise is three cells: what is wanted, a place for your code, and a check. What can a check say?

# %% id="exercise-figure"
show(draw_exercise(), "Figure {figure:exercise}. A check says [todo], [no] or [ok]. Only a right "
     "function of yours is used further on; until then the course's own takes its place.")  # fmt: skip

# %% [markdown] id="double"
# ### Exercise 0.1: double
#
# Run the next two cells as they are.
#
# Write `double(x)`: twice the number `x`. Example: `double(3.0)` is `6.0`.

# %% id="double-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_00.py:double

# %% id="double-check"
double_ = use("0.1 double", double, given.double)

# %% [markdown] id="double-after"
# `[todo]` means: not written yet. Replace the two lines below the description by `return 2 * x`, run the
# cell, then run the check again: it says `[ok]`. Still `[todo]`? Then the cell with your function was not
# run, or stopped with a red error. (Its first line says where the course keeps its own version; leave it.)
#
# `use` also gives back a function: yours if it is right, else the course's own. That is why the next cell
# works in either case. Later cells always use the name with the underscore.

# %% id="double-use"
print(double_(21))

# %% [markdown] id="mean"
# ### Exercise 0.2: mean
#
# Sometimes the code is there, and wrong. `mean_wrong(numbers)` should return the mean of a list of at least
# one number. What does the check say? (`check` only says; `use` also gives a function.)


# %% id="mean-try"
def mean_wrong(numbers):
    return sum(numbers) / (len(numbers) + 1)


check("0.2 mean", mean_wrong)

# %% [markdown] id="mean-after"
# `[no]` means: wrong. The line says what came and what was wanted, for which case, and where to look. Read
# it slowly; nearly always it is enough. Now write it right:
#
# <details><summary>Hint</summary>
#
# This is a hint: click to open it, once you have thought for a while. How many numbers are there?
#
# </details>


# %% id="mean-stub" tags=["exercise"]
def mean(numbers):
    """The mean of a list of numbers."""
    ### BEGIN SOLUTION
    return sum(numbers) / len(numbers)
    ### END SOLUTION


# %% id="mean-check"
mean_ = use("0.2 mean", mean, given.mean)

# %% [markdown] id="rows"
# ### Exercise 0.3: row sums
#
# Most exercises are about arrays, and most mistakes are about their shapes. Write `row_sums(x)`.
#
# - `x`: an array of shape (N, C), that is N rows of C numbers. It must not be changed.
# - Returns an array of shape (N,): the sum of each row. Example: `[[1, 2, 3], [4, 5, 6]]` gives `[6, 15]`.
#
# <details><summary>Hint</summary>
#
# NumPy's `x.sum(axis=...)` sums along one axis. Try both.
#
# </details>

# %% id="rows-stub" tags=["exercise"]
# quote mlstack_lib/course/exercises/chapter_00.py:row_sums

# %% id="rows-check"
row_sums_ = use("0.3 row sums", row_sums, given.row_sums)

# %% id="rows-use"
print(row_sums_(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])))

# %% [markdown] id="work"
# ## 5. Keep your work
#
# In a terminal, in the repository's folder:
#
# - `mlstack start 01` copies chapter 01 to the folder `work/`, which belongs to you: updates of the course
#   never touch it, and nothing is ever written over. The copy has no outputs, so that you can predict them
#   before you run a cell; do so wherever a chapter asks. For this page it does not matter; begin every
#   other chapter with this command.
# - `mlstack check 01` says which exercises of your copy are done, within seconds.
# - `solutions/` holds every chapter solved. Look there after you have tried, or to go on.
#
# ## 6. What this machine has
#
# `[ok]` is there, `[no]` is missing, with what to do. What is missing for later chapters can wait. Your
# output differs from the one stored here; it names your machine.

# %% id="doctor" tags=["nbval-ignore-output"] reason="names this machine and its versions"
print(doctor.report())

# %% [markdown] id="numbers"
# The numbers that you get should be those stored in the chapter. In the last digit they can differ: another
# processor adds in another order, and rounding then falls differently. So the chapters print few digits
# and, where they can, only whether a claim holds.
#
# ## Recap
#
# You can now
# - run a chapter, and run it again from the start: *Restart Kernel and Run All Cells*;
# - read what a check says: `[todo]` not written, `[no]` wrong and where to look, `[ok]` right;
# - say what this machine has, with `mlstack doctor`, and where to look for help: the hints, `solutions/`, and
#   the README. If you report a problem, give what `doctor` prints.
#
# Next: chapter 01, tensors.
