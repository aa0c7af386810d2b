# What `cmake --install` puts where, by GNUInstallDirs:
#   bin/                   cnnc, cnnc-train, cnnc-bench, cnnc-tune, cnnc-compare
#   include/, lib/         the runtime's header and library, which applications use
#   lib/cnnc/              Halide, which only the commands use: they find it from where they are
#   lib/cmake/cnnc/        find_package(cnnc): cnnc::runtime, cnnc::command and cnnc_add_model()
#   lib/pkgconfig/cnnc.pc  the runtime, for everybody else
# The prefix may be moved as a whole.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(private_libraries "${CMAKE_INSTALL_LIBDIR}/cnnc")
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/cnnc")

file(RELATIVE_PATH to_private_libraries
  "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}/cnnc")
set(other_commands
  cnnc_train_command cnnc_bench_command cnnc_tune_command cnnc_compare_command)
set_target_properties(cnnc_command ${other_commands} PROPERTIES
  INSTALL_RPATH "$ORIGIN/${to_private_libraries}")
set_target_properties(cnnc_command PROPERTIES EXPORT_NAME command)

install(TARGETS cnnc_command cnnc_runtime EXPORT cnncTargets
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}"
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS ${other_commands} DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(PROGRAMS "${CNNC_HALIDE_LIBRARY}" DESTINATION "${private_libraries}")
install(FILES runtime/cnnc_runtime.h runtime/cnnc_training.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(FILES docs/format.md docs/model.schema.json LICENSE DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES "${CNNC_HALIDE_DIR}/share/doc/Halide/LICENSE.txt" DESTINATION "${CMAKE_INSTALL_DOCDIR}"
  RENAME LICENSE.Halide OPTIONAL)

install(EXPORT cnncTargets NAMESPACE cnnc:: DESTINATION "${package_folder}")
configure_package_config_file(cmake/cnncConfig.cmake.in cnncConfig.cmake
  INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file(cnncConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/cnncConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/cnncConfigVersion.cmake"
  cmake/cnncAddModel.cmake
  DESTINATION "${package_folder}")

file(RELATIVE_PATH to_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" to_prefix "${to_prefix}")
configure_file(cmake/cnnc.pc.in cnnc.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/cnnc.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
