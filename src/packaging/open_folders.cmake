# Run by cpack before it packs: folders can be read by all, whatever the umask of who builds the package.
# (CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS is still under the umask: CMake 3.25.)
file(CHMOD_RECURSE ${CPACK_TEMPORARY_DIRECTORY} DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
