/* Tensor cores: mma.m16n8k16 of bf16, and ldmatrix, which loads what it multiplies.

   Fragments as the PTX manual lays them out: lane 4g + t holds rows g and g + 8, columns 2t and 2t + 1
   of each half. So a register of a, and a pair of c's, of all lanes side by side, is 8 rows of a matrix
   as they are; a register of b is 8 columns, and is put down by rows. */

typedef float Row __attribute__((vector_size(32)));  // of 8 columns
typedef u32 RowBits __attribute__((vector_size(32)));
typedef u16 Row16 __attribute__((vector_size(16)));

INLINE Row widened(const u32* four) {  // bf16 is the upper half of f32
  Row16 row;
  memcpy(&row, four, sizeof row);
  return (Row)(__builtin_convertvector(row, RowBits) << 16);
}
// Products are added in order of k, one after the other; two rows at a time, which do not wait for each
// other.
INLINE void add_products(Row* c, Row first, Row second, const Row* b) {
#pragma GCC unroll 8
  for (int k = 0; k < 8; k++) {
    c[0] += first[k] * b[k];
    c[1] += second[k] * b[k];
  }
}
static void multiply(Operands* o, Fiber* lanes) {
  Row b[16];
  for (int i = 0; i < 8; i++) {  // rows 2i and 2i + 1
    RowBits pairs;
    memcpy(&pairs, &o->b[i / 4][i % 4 * 8], sizeof pairs);
    b[2 * i] = (Row)(pairs << 16);
    b[2 * i + 1] = (Row)(pairs & 0xffff0000);
  }
  for (int g = 0; g < 8; g++) {
    Row c[2];  // rows g and g + 8
    for (int half = 0; half < 2; half++) memcpy(&c[half], &o->c[half][g * 4], sizeof(Row));
    add_products(c, widened(&o->a[0][g * 4]), widened(&o->a[1][g * 4]), b);
    add_products(c, widened(&o->a[2][g * 4]), widened(&o->a[3][g * 4]), b + 8);
    for (int half = 0; half < 2; half++) {
      u64 pairs[4];
      memcpy(pairs, &c[half], sizeof pairs);
      for (int t = 0; t < 4; t++) lanes[g * 4 + t].pairs[half] = pairs[t];
    }
  }
}
API __sim_f32x4 __sim_mma_bf16(__sim_u32x4 a, unsigned b0, unsigned b1, __sim_f32x4 c, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  Operands* o = &w->running->operands;
  u32 lane = f->lane;
  u64 pairs[2];
  memcpy(pairs, &c, sizeof c);
  for (int i = 0; i < 4; i++) o->a[i][lane] = a[i];
  o->b[0][lane % 4 * 8 + lane / 4] = b0;
  o->b[1][lane % 4 * 8 + lane / 4] = b1;
  o->c[0][lane] = pairs[0];
  o->c[1][lane] = pairs[1];
  return meet<__sim_f32x4>(w, f, __sim_mma, ~0u, line);
}

// Four matrices of 8 rows, each at the address that a lane brings.
static void load_matrices(Operands* o, Fiber* lanes, bool transposed) {
  for (int i = 0; i < 4; i++) {
    const char** row = o->row + i * 8;
    for (int r = 0; r < 8 && !transposed; r++) {
      u32 parts[4];
      memcpy(parts, row[r], 16);
      for (int t = 0; t < 4; t++) lanes[r * 4 + t].parts[i] = parts[t];
    }
    if (!transposed) continue;
    for (int t = 0; t < 4; t++) {
      u16 low[8], high[8];
      memcpy(low, row[2 * t], 16);
      memcpy(high, row[2 * t + 1], 16);
      for (int g = 0; g < 8; g++) lanes[g * 4 + t].parts[i] = low[g] | (u32)high[g] << 16;
    }
  }
}
API __sim_u32x4 __sim_ldmatrix_x4(const void* row, int transposed, int line) {
  Worker* w = self;
  Fiber* f = w->current;
  Operands* o = &w->running->operands;
  u32 lane = f->lane;
  o->row[lane] = (const char*)row;
  if (w->checking) {
    Site site = line_site(line);
    log_memory(w, f, check(w, f, (char*)row, 16, READS, site), (char*)row, 16, READS, site);
  }
  int op = transposed ? __sim_ldmatrix_trans : __sim_ldmatrix;
  return meet<__sim_u32x4>(w, f, op, ~0u, line);
}
