# cmake -DOUTPUT=... -DVERSIONS=... -DFILES=a;b;... -P source_id.cmake
# Writes the definition of cnnc::kSourceId (compiler/driver/source_id.h).
set(digests "${VERSIONS}")
foreach(file IN LISTS FILES)
  file(SHA256 "${file}" digest)
  string(APPEND digests "${digest}\n")
endforeach()
string(SHA256 id "${digests}")
file(WRITE "${OUTPUT}" "#include \"compiler/driver/source_id.h\"

namespace cnnc {

const char* const kSourceId = \"${id}\";

}  // namespace cnnc
")
