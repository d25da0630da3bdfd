/* volume.h - volumes of an image, before its containers. One thread. */
#pragma once

/** volumes_mount() - each below containers/volumes on its merged: lower itself
 * if the volume is read-only, else an overlay of it and what is written, which
 * is in memory unless something is mounted on its tmp. */
void volumes_mount(void);
