/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* x * sigmoid (a x). The exponent is held back where e^-ax would overflow:
 * there the result is below 1e-32 anyway, and stays a number. */
float
x_sigmoid (float x, float a)
{
  return x / (1.0 + exp (min (-a * x, 80.0)));
}
