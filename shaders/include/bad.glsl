/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NaN or infinite. Compared as bits, for drivers need not keep them apart. */
bool
is_bad (uint bits)
{
  return (bits & 0x7f800000u) == 0x7f800000u;
}
