// Blocks: layers that stand once in a description and are used often, with arguments.
//
// Expanding replaces every use by copies of the block's layers, with the arguments in the place of
// the parameters. What is left is a flat list; nothing behind the reader of layers knows blocks.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "compiler/frontend/json.h"
#include "compiler/frontend/model.h"
#include "compiler/frontend/report.h"
#include "compiler/frontend/sections.h"

namespace cnnc {

// What an input of a block, or of the network, gets.
struct BlockFeed {
  enum class Kind { network_input, layer, name };
  Kind kind = Kind::network_input;
  size_t layer = 0;  // where it is the output of a layer
  Json name;         // where it is a name,
  size_t scope = 0;  // which is valid there
};

// Where a name is valid: one copy of a block, or the list of layers of the network (the first).
struct BlockScope {
  std::string prefix;               // of absolute names: "layer1.0."
  std::vector<std::string> inputs;  // names that mean what is fed
  std::vector<BlockFeed> feeds;     // one for each
  std::vector<BlockUse> uses;       // innermost first
};

struct ExpandedLayer {
  Json json;  // without references to parameters
  size_t scope = 0;
  std::optional<size_t> before;  // that it reads by default; none: the scope's first input
  bool failed = false;           // stands for a use of a block that could not be expanded
};

// The name of a use, or of one of its copies: means the last layer of the copy.
struct BlockName {
  std::string name;  // absolute
  Json json;         // where it is given
  size_t layer = 0;
  size_t scope = 0;  // that it is given in
};

struct ExpandedLayers {
  std::vector<BlockScope> scopes;
  std::vector<ExpandedLayer> layers;
  std::vector<BlockName> names;
};

// `blocks` is null where the description has none. What is wrong is reported; each layer that could
// be expanded is among the result all the same.
[[nodiscard]] ExpandedLayers expand_blocks(const Json& layers, const Json* blocks, const Json& root,
                                           Report& report, Diagnostics& warnings);

// Adds to the error that was reported last where the blocks around it are used.
void add_uses(const std::vector<BlockUse>& uses, Report& report);

}  // namespace cnnc
