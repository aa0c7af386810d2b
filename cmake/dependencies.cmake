# What cnnc is built with. tools/setup.sh provides all of it; the folders may be given by hand.
set(CNNC_HALIDE_DIR "${PROJECT_SOURCE_DIR}/build/deps/halide" CACHE PATH
  "Folder with Halide's include/ and lib64/ (the PyPI package halide, unpacked)")
set(CNNC_NLOHMANN_DIR "${PROJECT_SOURCE_DIR}/build/deps/nlohmann" CACHE PATH
  "Folder with nlohmann-json's include/ (the PyPI package nlohmann-json, unpacked)")
set(CNNC_ONNX_DIR "${PROJECT_SOURCE_DIR}/build/deps/onnx" CACHE PATH
  "Folder with onnx.proto and backend/test/data/ (the PyPI package onnx, unpacked)")

find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(Catch2 2 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(LLVM 22.1 REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/llvm)

# Halide's own CMake package asks for a newer CMake.
find_library(CNNC_HALIDE_LIBRARY Halide PATHS "${CNNC_HALIDE_DIR}/lib64" "${CNNC_HALIDE_DIR}/lib"
  NO_DEFAULT_PATH)
if(NOT CNNC_HALIDE_LIBRARY OR NOT EXISTS "${CNNC_NLOHMANN_DIR}/include/nlohmann/json.hpp")
  message(FATAL_ERROR "Halide or nlohmann-json is missing: run tools/setup.sh, or set "
    "CNNC_HALIDE_DIR and CNNC_NLOHMANN_DIR")
endif()
add_library(Halide::Halide SHARED IMPORTED)
set_target_properties(Halide::Halide PROPERTIES
  IMPORTED_LOCATION "${CNNC_HALIDE_LIBRARY}"
  INTERFACE_INCLUDE_DIRECTORIES "${CNNC_HALIDE_DIR}/include")

add_library(nlohmann::json INTERFACE IMPORTED)
set_target_properties(nlohmann::json PROPERTIES
  INTERFACE_INCLUDE_DIRECTORIES "${CNNC_NLOHMANN_DIR}/include"
  INTERFACE_COMPILE_DEFINITIONS JSON_DIAGNOSTIC_POSITIONS=1)

# Debian's packages of these have no CMake files, or ones that ask for more than the library.
foreach(library turbojpeg zip)
  find_path(CNNC_${library}_INCLUDE_DIR ${library}.h REQUIRED)
  find_library(CNNC_${library}_LIBRARY ${library} REQUIRED)
  add_library(cnnc_${library} INTERFACE)
  target_include_directories(cnnc_${library} SYSTEM INTERFACE "${CNNC_${library}_INCLUDE_DIR}")
  target_link_libraries(cnnc_${library} INTERFACE "${CNNC_${library}_LIBRARY}")
endforeach()

add_library(cnnc_llvm INTERFACE)
target_include_directories(cnnc_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
target_link_libraries(cnnc_llvm INTERFACE LLVM)

# Linked statically, so that the commands do not depend on Debian's version of it.
set(Protobuf_USE_STATIC_LIBS ON)
find_package(Protobuf 3.12 REQUIRED)
if(NOT EXISTS "${CNNC_ONNX_DIR}/onnx.proto")
  message(FATAL_ERROR "ONNX's schema is missing: run tools/setup.sh, or set CNNC_ONNX_DIR")
endif()
