/*
 * oci_layer.h - one layer on top of a tree; one thread.
 */
#pragma once

#include "err.h"
#include "tree.h"

/**
 * oci_layer_apply() - whiteouts of @layer, then its entries
 * @layer: its whiteouts are taken out of it
 *
 * image-spec 1.0, layer.md: ".wh.NAME" removes NAME of the layers below,
 * ".wh..wh..opq" all that they have in its directory; both stay out of the
 * result. Other names with the prefix ".wh..wh." are notes of AUFS and left
 * out.
 *
 * Return: 0 or as tree_put(), with @err.
 */
int oci_layer_apply(struct tree *tree, struct tree *layer, struct err *err);
