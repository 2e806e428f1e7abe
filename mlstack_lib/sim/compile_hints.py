"""What to do about a compiler's message: for one who knows Python and writes a first kernel."""

import re
from difflib import get_close_matches

NO_HEADERS = (
    "leave the line out: a kernel is compiled without the headers of C and C++; functions such as "
    "expf are there by themselves"
)
PLAIN = "there are `max`, `min`, `fabsf`, `expf`, ... without `std::`"

# What the compilers' own words mean. Patterns see the message, a line break, and the source line.
MESSAGES = (
    (r"^there is no header .*\n.*<[^>]*(cuda|cooperative_groups|cub/|mma)[^>]*>", "leave the line "
     "out: what a kernel needs of CUDA is there by itself; of its headers the simulator has "
     "<cuda_fp16.h>, <cuda_bf16.h> and the course's mma.cuh only"),
    (r'^there is no header .*\n\s*#\s*include\s*"', "its folder is named in the options, "
     '`options=("-Ifolder",)`'),
    (r"^there is no header", NO_HEADERS),
    (r"^[^\n]*\b(uint3|dim3)\b", "`threadIdx`, `blockIdx`, `blockDim` and `gridDim` have three "
     "parts, .x, .y and .z: write `threadIdx.x`"),
    (r"^[^\n]*(read-only|not assignable|cannot assign)", "what is declared `const` can only be "
     "read: is it meant to be written?"),
    (r"^[^\n]*(with no type|type specifier is required)", "write before the name what comes back; "
     "of a kernel nothing does, `void`"),
    (r"^[^\n]*expected '}'", "count the braces: this `{` is never closed"),
    (r"^[^\n]*expected[^\n]*\n.*\bXOR\b", "XOR is written `^`"),
    (r"^[^\n]*expected (',' or )?';'", "a statement ends with `;`: look at the end of the line "
     "before as well"),
    (r"^[^\n]*directive", "a comment begins with `//`"),
    (r"^[^\n]*(unary '\*'|indirection|invalid operands)[^\n]*\n.*\*\*", "C has no `**`: write "
     "`a * a`, or `powf(a, b)`"),
    (r"^[^\n]*no matching function[^\n]*\batomic|^[^\n]*no matching function.*\n.*\batomic",
     "the first argument of an atomic is an address, `atomicAdd(&y[0], 1.0f)`"),
    (r"^[^\n]*no matching function[^\n]*__\w+_sync", "the mask of the lanes that take part comes "
     "first: `__shfl_down_sync(0xffffffff, value, 4)`"),
    (r"^[^\n]*expected '\(' (before|after)", "C puts a condition into parentheses, and no colon "
     "behind it: `if (i < n)`, `for (unsigned i = 0; i < n; i++)`"),
    (r"^[^\n]*(for array subscript|subscripted value)", "a pointer takes one index; of a table "
     "whose rows are `columns` long, `x[row * columns + column]`"),
    (r"^[^\n]*casts away qualifiers", "what is `const` stays so: "
     "`reinterpret_cast<const float4*>(x)`"),
    (r"^[^\n]*(convert|initialize|assigning)[^\n]*float4 ?\*", "to see floats as float4: "
     "`const float4* x4 = reinterpret_cast<const float4*>(x);`"),
    (r"^[^\n]*no matching function[^\n]*'cp_async_wait", "N is a constant and stands in `< >`: "
     "`cp_async_wait<N>()`"),
    (r"^[^\n]*deleted (function 'constexpr|constructor of) ?'?\w+[24]\b", "CUDA's vectors have no "
     "constructor: write `make_float4(a, b, c, d)`, `make_uint2(a, b)`, or the numbers in braces"),
    (r"^[^\n]*'uint2'[^\n]*'float4'|^[^\n]*'float4'[^\n]*'uint2'", "a uint2 is two numbers of "
     "32 bits, and a float4 is none: `make_uint2(low, high)`"),
    (r"^[^\n]*((conver|assigning|operator|operands|viable)[^\n]*\n?.*float4|'float4' does not|"
     r"no viable overloaded '='|no matching function[^\n]*float4)", "a float4 is "
     "four floats, v.x, v.y, v.z and v.w: add them one by one, and read a whole one through a "
     "pointer, `reinterpret_cast<const float4*>(x)[i]`"),
    (r"^[^\n]*(\(\*\)\([^\n]*loses|subscript of pointer to function)", "this is a function, and is "
     "called with parentheses: `column(i)`"),
    (r"^[^\n]*(convert 'const \w+ ?\*[^\n]*' to '(float|[a-z ]*int)'|of type '(float|[a-z ]*int)' "
     r"with an [lr]value of type '[^']*\*|no matching function for call to '(\w+f|min|max)')",
     "a number is wanted here: of an array `x` write one element, `x[0]`"),
    (r"^[^\n]*(language string|linkage)", 'write `extern "C"`, with a capital C'),
    (r"^[^\n]*(extended character|unexpected character|non-ASCII)", "a sign that C does not know, "
     "from a copied text perhaps: type it anew"),
    (r"^[^\n]*'std'|^[^\n]*(declare|expected)[^\n]*\n.*\bstd::", f"a kernel has no C++ library: "
     f"{PLAIN}"),
    (r"^[^\n]*(ambiguous|overloaded)", "give both arguments the same type, as in `max(x, 0.0f)`"),
    (r"^[^\n]*(\bvla\b|variable.length array|variably modified|constant expression)[^\n]*\n"
     r".*__shared__", "the size of an array must be known when the kernel is compiled: a #define, "
     "a constexpr or a template parameter. One that the launch gives: `extern __shared__ float "
     "s[];` and `shared_mem=`, in bytes"),
    (r"^[^\n]*(\bvla\b|variable.length array|variably modified|constant expression)", "the size of "
     "an array must be known when the kernel is compiled: a #define, a constexpr or a template "
     "parameter"),
)  # fmt: skip

# What stands in the message or the line, if the message says that something is not known.
NAMES = (
    (r"\b(INFINITY|NAN|FLT_MAX|FLT_MIN|M_PI)\b", "a kernel has no <math.h>: write the number "
     "itself, for example `-1e30f`, or `__int_as_float(0x7f800000)` for infinity"),
    (r"\bu?int(8|16|32|64)_t\b|\b(uint|uchar|ushort)\b", "a kernel has no <stdint.h>: write "
     "`unsigned int`, `unsigned char` or `unsigned long long`"),
    (r"\b(float|int|[fiu])(16|32|64)\b", "C calls these types `float`, `double`, `int`, "
     "`unsigned int` and `long long`"),
    (r"\b(__half2?|half2?)\b(?!.*required)", "put `#include <cuda_fp16.h>` at the top"),
    (r"\b(__)?nv_bfloat162?\b|bfloat16", "put `#include <cuda_bf16.h>` at the top"),
    (r"'__(shfl|shfl_up|shfl_down|shfl_xor|ballot|any|all)'", "since 2017 these names end in "
     "`_sync`, and a mask comes first: `__shfl_down_sync(0xffffffff, value, 1)`"),
    (r"'__sync(threads|warp)'", "a call has parentheses: `__syncthreads();`"),
    (r"\basm\b|no such instruction|invalid (output|input) constraint|impossible constraint|"
     "mnemonic",
     "inline PTX needs a GPU; here use the wrappers of mma.cuh, which run on both"),
    (r"printf_s|\bcuda[A-Z]\w+|<<<", "only what runs on the GPU belongs in the kernel's text: "
     "Python allocates, copies and launches"),
)  # fmt: skip
UNKNOWN = (
    "declare", "not name", "does not", "not found", "unknown", "undeclared", "constraint",
    "instruction", "mnemonic", "expected",
)  # fmt: skip
UNDECLARED = re.compile(
    r"'(\w+)' (?:was not|has not been) declared|(?:identifier|type name) '(\w+)'"
)
NOT_DECLARED = (
    "this name is declared nowhere above: is it spelt as there, and does it stand there with its "
    "type, as in `int i = ...;`?"
)
CONSTANT = (
    "a name in capitals is mostly a constant that the launch gives: `{0}=128` in a call of the "
    'course\'s kernels, `-D {0}=128` in the terminal, `options=("-D{0}=128",)` for a RawKernel'
)
CUDA = (
    "__global__", "__device__", "__shared__", "__syncthreads", "__syncwarp", "threadIdx",
    "blockIdx", "blockDim", "gridDim", "atomicAdd", "atomicMax", "__shfl_down_sync",
    "__shfl_xor_sync", "float", "unsigned",
)  # fmt: skip


def hint(message: str, line: str) -> str:
    """One sentence on what to write instead, without its full stop; empty if none fits."""
    about = f"{message}\n{line}"
    if "expected" in message and line.count("(") > line.count(")"):
        return "count the parentheses: a `(` is not closed"
    rules = MESSAGES + (NAMES if any(word in message for word in UNKNOWN) else ())
    for pattern, text in rules:
        if re.search(pattern, about):
            return text
    name = UNDECLARED.search(message)
    if not name or "did you mean" in message:
        return ""
    name = name[1] or name[2]
    if re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        return CONSTANT.format(name)
    close = get_close_matches(name, CUDA, n=1, cutoff=0.75)
    return f"did you mean `{close[0]}`?" if close else NOT_DECLARED
