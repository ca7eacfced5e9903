/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstowl2error.h"

#include "owl2.h"

void
gst_owl2_error_to_gst (
    const GError *error, const char *model, GQuark *domain, int *code)
{
  *domain = GST_LIBRARY_ERROR;
  *code = GST_LIBRARY_ERROR_FAILED;
  if (error->domain == OWL2_ERROR) {
    switch (error->code) {
      case OWL2_ERROR_BAD_FILE:
        *domain = GST_RESOURCE_ERROR;
        *code = model && !g_file_test (model, G_FILE_TEST_EXISTS)
                    ? GST_RESOURCE_ERROR_NOT_FOUND
                    : GST_RESOURCE_ERROR_OPEN_READ;
        break;
      case OWL2_ERROR_NO_DEVICE:
      case OWL2_ERROR_UNSUPPORTED:
        *code = GST_LIBRARY_ERROR_INIT;
        break;
      case OWL2_ERROR_BAD_REQUEST:
        *code = GST_LIBRARY_ERROR_SETTINGS;
        break;
      case OWL2_ERROR_NO_MEMORY:
        *domain = GST_RESOURCE_ERROR;
        *code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
        break;
      default:
        break;
    }
  }
}
