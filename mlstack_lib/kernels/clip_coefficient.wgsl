/* clip_coefficient: state[GRAD_NORM] = sqrt(norm2[0]), state[CLIP] = min(1, max_norm / (norm + 1e-6));
   a norm that is not finite sets state[HALTED]. norm2 (1), state f32.
   grid 1; block 1. Twin clip_coefficient.cu, reference clip_coefficient. */
struct Params { max_norm: f32 }
@group(0) @binding(0) var<storage, read> norm2: array<f32>;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(1)
fn clip_coefficient() {
    let norm = sqrt(norm2[0]);
    state[GRAD_NORM] = norm;
    state[CLIP] = min(1.0, p.max_norm / (norm + 1.0e-6));
    // by the bits, for a compiler may take for granted that there is no NaN: 3.4e38 is 0x7f7fc99e
    if ((bitcast<u32>(norm2[0]) & 0x7fffffffu) >= 0x7f800000u) { state[HALTED] = 1.0; }
}
