/* Tensor cores and asynchronous copies under their PTX names, each with two bodies: inline PTX for a
   GPU (sm_80 and later), a call into the simulator elsewhere. The same kernel text runs on both.

   mma_m16n8k16_bf16    d += a b: d 16x8 f32, a 16x16 bf16 by rows, b 16x8 bf16 by columns
   ldmatrix_x4, _trans  four 8x8 matrices of 16-bit numbers; lane 8i + r names row r of matrix i
   cp_async16           16 bytes from global to shared memory, on their way until a wait
   cp_async_commit      closes a group of copies
   cp_async_wait<N>     waits until at most N groups are on their way; then a barrier is still needed
   pack_bf16            two f32, rounded, in one register: lo in bits 0..15 */
#ifdef __SIM__
__SIM_INLINE void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1,
                                    __SIM_LINE) {
  __sim_f32x4 c = {d[0], d[1], d[2], d[3]};
  c = __sim_mma_bf16(__sim_u32x4{a[0], a[1], a[2], a[3]}, b0, b1, c, __sim_line);
  d[0] = c[0]; d[1] = c[1]; d[2] = c[2]; d[3] = c[3];
}
__SIM_INLINE void ldmatrix_x4(unsigned (&r)[4], const void* row, __SIM_LINE) {
  __sim_u32x4 v = __sim_ldmatrix_x4(row, 0, __sim_line);
  r[0] = v[0]; r[1] = v[1]; r[2] = v[2]; r[3] = v[3];
}
__SIM_INLINE void ldmatrix_x4_trans(unsigned (&r)[4], const void* row, __SIM_LINE) {
  __sim_u32x4 v = __sim_ldmatrix_x4(row, 1, __sim_line);
  r[0] = v[0]; r[1] = v[1]; r[2] = v[2]; r[3] = v[3];
}
__SIM_INLINE void cp_async16(void* to, const void* from, __SIM_LINE) {
  __sim_copy_async(to, from, __sim_line);
}
__SIM_INLINE void cp_async_commit() { __sim_copy_commit(); }
template <int N>
__SIM_INLINE void cp_async_wait(__SIM_LINE) { __sim_copy_wait(N, __sim_line); }
__SIM_INLINE unsigned pack_bf16(float lo, float hi) {
  return (unsigned)__sim_float_to_bf16(lo) | (unsigned)__sim_float_to_bf16(hi) << 16;
}
#else
__device__ __forceinline__ unsigned shared_address(const void* p) {
  return (unsigned)__cvta_generic_to_shared(p);
}
__device__ __forceinline__ void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4],
                                                  unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)) : "memory");
}
__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(row)) : "memory");
}
__device__ __forceinline__ void cp_async16(void* to, const void* from) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;"
               :: "r"(shared_address(to)), "l"(__cvta_generic_to_global(from)) : "memory");
}
__device__ __forceinline__ void cp_async_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
template <int N>
__device__ __forceinline__ void cp_async_wait() {
  asm volatile("cp.async.wait_group %0;" :: "n"(N) : "memory");
}
__device__ __forceinline__ unsigned pack_bf16(float lo, float hi) {
  unsigned r;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
  return r;
}
#endif
