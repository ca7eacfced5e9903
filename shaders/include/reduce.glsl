/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sum and maximum over a workgroup, through shared memory: works with every
 * subgroup size. All invocations must call these together. */
shared float reduce_tmp[gl_WorkGroupSize.x];

float
group_sum (float v)
{
  uint i = gl_LocalInvocationIndex;

  reduce_tmp[i] = v;
  barrier ();
  for (uint n = gl_WorkGroupSize.x / 2; n > 0; n /= 2) {
    if (i < n)
      reduce_tmp[i] += reduce_tmp[i + n];
    barrier ();
  }
  v = reduce_tmp[0];
  barrier ();
  return v;
}

float
group_max (float v)
{
  uint i = gl_LocalInvocationIndex;

  reduce_tmp[i] = v;
  barrier ();
  for (uint n = gl_WorkGroupSize.x / 2; n > 0; n /= 2) {
    if (i < n)
      reduce_tmp[i] = max (reduce_tmp[i], reduce_tmp[i + n]);
    barrier ();
  }
  v = reduce_tmp[0];
  barrier ();
  return v;
}
