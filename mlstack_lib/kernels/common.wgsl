/* What every kernel may use; put behind each file as text. */

/* Where in the step state each number stands; array.Slot says what they mean. */
const STEP = 0;
const LEARNING_RATE = 1;
const BIAS_CORRECTION1 = 2;
const BIAS_CORRECTION2 = 3;
const CLIP = 4;
const GRAD_NORM = 5;
const HALTED = 6;
const SCHEDULE_ROW = 7;
const BATCH = 8;
const DROPOUT = 9;
const POSITION = 10;
const SCHEDULED = 4;

const LOWEST = -3.0e38;  // where a maximum begins: WGSL has no infinity

/* The block's place in x. WebGPU takes 65,535 blocks along an axis; a longer x goes on in z, and then
   its last blocks may lie beyond the end: kernels check for that. */
fn block_x(group: vec3u, groups: vec3u) -> u32 { return group.x + groups.x * group.z; }

const GELU_SCALE = 0.7978845608028654;  // sqrt(2 / pi)
const GELU_CUBE = 0.044715;

/* u, of which gelu takes tanh, clamped as in the reference: exp(80) is still finite. */
fn gelu_inner(x: f32) -> f32 { return clamp(GELU_SCALE * (x + GELU_CUBE * x * x * x), -40.0, 40.0); }

/* 0.5 x (1 + tanh(u)) = x / (1 + exp(-2u)): one exp, and exact where tanh is nearly -1. */
fn gelu(x: f32) -> f32 { return x / (1.0 + exp(-2.0 * gelu_inner(x))); }
