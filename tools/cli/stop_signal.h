// Ctrl-C as a question: long loops ask whether they should stop, and stop where it suits them.
#pragma once

namespace cnnc::cli {

// From now on SIGINT and SIGTERM are remembered; a later second one ends the process as usual. A
// reader of stdout that goes away (`| head`, or a `tee` that Ctrl-C ended too) no longer ends it.
void catch_stop_signals();
// Whether one has come.
[[nodiscard]] bool stop_requested();

}  // namespace cnnc::cli
