# cnnc_add_model(TARGET_NAME MODEL.json
#                [WEIGHTS FILE] [PREFIX NAME] [BATCH N...] [TARGET NAME...] [OPTIONS OPTION...])
#
# Compiles the network when the project is built and links it into TARGET_NAME, whose sources may
# include <PREFIX>.h. The network is compiled again when its description, its weights or the
# compiler changed.
#
# WEIGHTS  a .safetensors file; default: the one that the description names
# PREFIX   of the functions, and the name of the header; default: the description's file name
# BATCH    cnnc --batch, TARGET cnnc --target: several become a list with commas
# OPTIONS  handed to cnnc as they are
#
# Relative paths are relative to the folder of the calling CMakeLists.txt. Files are written to the
# binary folder that belongs to it.
cmake_policy(PUSH)
cmake_policy(VERSION 3.25)

function(cnnc_add_model target model)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "WEIGHTS;PREFIX" "BATCH;TARGET;OPTIONS")
  if(NOT TARGET "${target}")
    message(FATAL_ERROR "cnnc_add_model: there is no target ${target}")
  endif()
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "cnnc_add_model: unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
  endif()
  if(arg_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "cnnc_add_model: nothing follows ${arg_KEYWORDS_MISSING_VALUES}")
  endif()

  get_filename_component(model "${model}" ABSOLUTE)
  get_filename_component(stem "${model}" NAME_WE)
  if(NOT arg_PREFIX)
    string(MAKE_C_IDENTIFIER "${stem}" arg_PREFIX)
  endif()
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.cnnc")
  set(object "${folder}/${arg_PREFIX}.o")
  set(header "${folder}/${arg_PREFIX}.h")
  file(MAKE_DIRECTORY "${folder}")

  set(options "--prefix=${arg_PREFIX}")
  set(inputs "${model}")
  if(arg_WEIGHTS)
    get_filename_component(weights "${arg_WEIGHTS}" ABSOLUTE)
    list(APPEND options "--weights=${weights}")
    list(APPEND inputs "${weights}")
  endif()
  if(arg_BATCH)
    list(JOIN arg_BATCH "," batch)
    list(APPEND options "--batch=${batch}")
  endif()
  if(arg_TARGET)
    list(JOIN arg_TARGET "," machine)
    list(APPEND options "--target=${machine}")
  endif()

  add_custom_command(OUTPUT "${object}" "${header}"
    COMMAND cnnc::command "${model}" ${options} ${arg_OPTIONS} -o "${object}"
      --depfile "${object}.d"
    DEPENDS ${inputs} cnnc::command
    DEPFILE "${object}.d"
    COMMENT "Compiling the network ${arg_PREFIX}"
    VERBATIM)
  add_custom_target("${target}_${arg_PREFIX}_network" DEPENDS "${object}" "${header}")
  add_dependencies("${target}" "${target}_${arg_PREFIX}_network")
  set_source_files_properties("${object}" TARGET_DIRECTORY "${target}"
    PROPERTIES GENERATED TRUE EXTERNAL_OBJECT TRUE)
  target_sources("${target}" PRIVATE "${object}")
  target_include_directories("${target}" PRIVATE "${folder}")
  target_link_libraries("${target}" PRIVATE cnnc::runtime)
  if(UNIX)
    target_link_libraries("${target}" PRIVATE m)
  endif()
endfunction()

cmake_policy(POP)
