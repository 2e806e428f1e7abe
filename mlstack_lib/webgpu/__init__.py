"""What the device `webgpu` is made of; only it, the tests and `course` import this.

wgsl: what a kernel's file says of itself, and the lint. sizes: its blocks and its memory. adapter:
all that is asked of wgpu. naga: its messages. trial: a learner's file in a child process. kernel:
one file, ready to be launched. launches: bindings, scalars and the queue.
"""
