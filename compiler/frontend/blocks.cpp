// Tested by tests/frontend/{blocks,bad}_test.cpp and fuzz_test.cpp.
#include "compiler/frontend/blocks.h"

#include <algorithm>
#include <set>
#include <utility>

#include "compiler/frontend/attribute_reader.h"
#include "compiler/frontend/op_reader.h"

namespace cnnc {
namespace {

// Blocks within blocks within ... are of no use.
constexpr size_t kDeepest = 16;
// Of the text of all layers after expansion: as large as a description can be.
constexpr int64_t kLargestText = int64_t{4} << 20;

using Arguments = std::map<std::string, Json>;

struct Parameter {
  std::string name;
  int64_t begin = 0;  // where it is declared
  int64_t end = 0;
};

struct Block {
  const Json* json = nullptr;
  const Json* layers = nullptr;  // null where the block is not sound
  std::vector<std::string> inputs;
  std::vector<Parameter> parameters;
  Arguments defaults;
  std::set<std::string> referenced;  // parameters
  bool used = false;

  [[nodiscard]] bool has(const std::string& name) const {
    return std::any_of(parameters.begin(), parameters.end(),
                       [&](const Parameter& each) { return each.name == name; });
  }
  [[nodiscard]] std::vector<std::string> parameter_names(const std::string& before = "") const {
    std::vector<std::string> names;
    names.reserve(parameters.size());
    for (const Parameter& each : parameters) names.push_back(before + each.name);
    return names;
  }
};

// The end of a message that names none of several words: the nearest is the suggestion, else all.
std::string unless_suggested(const std::string& suggestion, const std::string& before,
                             const std::vector<std::string>& names) {
  return suggestion.empty() && !names.empty() ? before + listed(names) : "";
}

bool is_scalar(const Json& json) { return !json.is(JsonKind::array) && !json.is(JsonKind::object); }

bool is_argument(const Json& json) {
  return is_scalar(json) || (json.is(JsonKind::array) &&
                             std::all_of(json.children.begin(), json.children.end(), is_scalar));
}

constexpr const char* kArgumentForm = "a number, a string, true, false, null or a list of these";

// Reads the section "blocks".
class BlockReader {
 public:
  BlockReader(Report& report, const Json& root) : report_(report), root_(root) {}

  std::map<std::string, Block> read(const Json& json) {
    std::map<std::string, Block> blocks;
    if (!json.is(JsonKind::object)) {
      report_wrong(json, "an object: the blocks by their names", report_);
      return blocks;
    }
    for (const Json& each : json.children) {
      (void)check_key(each);
      blocks[each.key] = read_block(each);
    }
    return blocks;
  }

 private:
  Report& report_;
  const Json& root_;

  // Whether a key is a name.
  bool check_key(const Json& member) {
    Json key;
    key.kind = JsonKind::text;
    key.text = member.key;
    key.begin = member.key_begin;
    key.end = member.key_end;
    std::string ignored;
    return read_name(key, NameForm::plain, report_, ignored);
  }

  Block read_block(const Json& json) {
    Block block;
    block.json = &json;
    if (!json.is(JsonKind::object)) {
      report_wrong(json, "an object with the key \"layers\"", report_);
      return block;
    }
    (void)read_attributes(json, {}, block_keys(), "a block", root_, report_);
    block.inputs = {kNetworkInput};
    if (const Json* inputs = json.find("inputs")) read_inputs(*inputs, block);
    if (const Json* parameters = json.find("parameters")) read_parameters(*parameters, block);
    if (const Json* defaults = json.find("defaults")) read_defaults(*defaults, block);
    const Json* layers = json.find("layers");
    if (!layers || !layers->is(JsonKind::array) || layers->children.empty()) {
      report_.error(layers ? *layers : json,
                    "block " + in_quotes(json.key) + " needs \"layers\": a list of layers, found " +
                        (!layers                       ? "none"
                         : layers->is(JsonKind::array) ? "an empty one"
                                                       : describe(*layers)));
    } else {
      block.layers = layers;
    }
    return block;
  }

  // The names in a list, each once.
  std::vector<const Json*> names_of(const Json& list, const char* what) {
    std::vector<const Json*> names;
    if (!list.is(JsonKind::array)) {
      report_wrong(list, std::string("a list of names of ") + what, report_);
      return names;
    }
    std::set<std::string> taken;
    for (const Json& each : list.children) {
      std::string name;
      if (!read_name(each, NameForm::plain, report_, name)) continue;
      if (taken.insert(name).second) {
        names.push_back(&each);
      } else {
        report_.error(each, "duplicate name " + in_quotes(name) + " in " + list.key);
      }
    }
    return names;
  }

  void read_inputs(const Json& json, Block& block) {
    block.inputs.clear();
    for (const Json* each : names_of(json, "inputs")) block.inputs.push_back(each->text);
    if (!block.inputs.empty()) return;
    if (json.is(JsonKind::array) && json.children.empty()) {
      report_.error(json, "a block has at least one input");
    }
    block.inputs = {kNetworkInput};
  }

  void read_parameters(const Json& json, Block& block) {
    for (const Json* each : names_of(json, "parameters")) {
      block.parameters.push_back({each->text, each->begin, each->end});
    }
  }

  void read_defaults(const Json& json, Block& block) {
    if (!json.is(JsonKind::object)) {
      return report_wrong(json, "an object with the parameters that need not be given", report_);
    }
    for (const Json& each : json.children) {
      if (block.has(each.key)) {
        report_.key_error(each,
                          in_quotes(each.key) + " is among the parameters without a default, too");
        continue;
      }
      if (!check_key(each)) continue;
      if (!is_argument(each)) {
        report_wrong(each, kArgumentForm, report_);
        continue;
      }
      block.parameters.push_back({each.key, each.key_begin, each.key_end});
      block.defaults[each.key] = each;
    }
  }
};

class Expander {
 public:
  Expander(const Json& root, Report& report, Diagnostics& warnings)
      : root_(root), report_(report), warnings_(warnings) {}

  ExpandedLayers expand(const Json& layers, const Json* blocks) {
    if (blocks) blocks_ = BlockReader(report_, root_).read(*blocks);
    BlockScope network;
    network.inputs = {kNetworkInput};
    network.feeds.resize(1);
    result_.scopes.push_back(std::move(network));
    add_list(layers, 0, nullptr, {});
    if (report_.empty()) warn_of_unused();
    return std::move(result_);
  }

 private:
  const Json& root_;
  Report& report_;
  Diagnostics& warnings_;
  std::map<std::string, Block> blocks_;
  ExpandedLayers result_;
  std::vector<std::string> path_;  // of blocks around the present place
  int64_t text_ = 0;               // bytes of the layers so far
  bool too_large_ = false;
  std::pair<int64_t, int64_t> outermost_;  // use of a block around the present place

  // The layers of the network or, where `block` is not null, of one copy of it.
  void add_list(const Json& list, size_t scope, Block* block, const Arguments& arguments) {
    std::optional<size_t> before;
    for (const Json& each : list.children) {
      if (!fits(each.end - each.begin)) break;
      Json json = block ? substituted(each, *block, arguments) : each;
      const bool is_use = json.find("block") != nullptr;
      if (!is_use || !add_use(json, scope, before)) {
        // What reads a use that is wrong finds something: one error is enough.
        result_.layers.push_back({std::move(json), scope, before, is_use});
      }
      before = result_.layers.size() - 1;
    }
  }

  // Counts the bytes of another piece of text. Whether all still fits into a description.
  bool fits(int64_t bytes) {
    if (!too_large_ && bytes <= kLargestText - text_) {
      text_ += bytes;
      return true;
    }
    if (!too_large_) {
      report_.error(outermost_.first, outermost_.second,
                    "with all blocks in their places the description would be larger than 4 MiB, "
                    "which no network is");
    }
    too_large_ = true;
    return false;
  }

  Json substituted(const Json& json, Block& block, const Arguments& arguments) {
    if (json.is(JsonKind::text) && !json.text.empty() && json.text[0] == '$') {
      const std::string name = json.text.substr(1);
      block.referenced.insert(name);
      const auto found = arguments.find(name);
      if (found == arguments.end()) {
        report_unknown_parameter(json, block);
        return json;
      }
      if (!fits(found->second.end - found->second.begin)) return json;
      Json value = found->second;
      value.key = json.key;
      value.key_begin = json.key_begin;
      value.key_end = json.key_end;
      value.set_reference(json.begin, json.end);
      return value;
    }
    Json copy = json;
    for (Json& child : copy.children) child = substituted(child, block, arguments);
    return copy;
  }

  void report_unknown_parameter(const Json& json, const Block& block) {
    const std::vector<std::string> names = block.parameter_names("$");
    const std::string suggestion = suggest(json.text, names);
    report_.error(json,
                  "block " + in_quotes(block.json->key) + " has no parameter " +
                      in_quotes(json.text.substr(1)) +
                      unless_suggested(suggestion, "; it has ", names),
                  suggestion);
  }

  // ---- a use

  // False where nothing was added; why is reported.
  bool add_use(const Json& json, size_t scope, std::optional<size_t> before) {
    const Attrs attrs = read_attributes(json, block_use_specs(), block_use_keys(),
                                        "a use of a block", root_, report_)
                            .attrs;
    Block* block = block_of(*json.find("block"));
    std::string name;
    const Json* name_json = json.find("name");
    if (name_json && !read_name(*name_json, NameForm::dotted, report_, name)) return false;
    const std::optional<Copies> copies = copies_of(json, attrs);
    if (!block || !copies) return false;
    Arguments arguments;
    std::optional<std::vector<BlockFeed>> feeds = feeds_of(json, *block, scope, before);
    if (!read_arguments(json, *block, arguments) || !feeds) return false;
    if (path_.empty()) outermost_ = {json.begin, json.end};
    // Before anything is copied.
    if (copies->count > kLargestText / (block->layers->end - block->layers->begin)) {
      return fits(kLargestText + 1);
    }

    path_.push_back(block->json->key);
    for (int64_t copy = 0; copy < copies->count && !too_large_; ++copy) {
      const std::string local =
          name + (copies->numbered ? "." + std::to_string(copies->first + copy) : "");
      add_copy(json, *block, arguments, local, scope, *feeds);
      feeds->front() = BlockFeed{BlockFeed::Kind::layer, result_.layers.size() - 1, {}, 0};
    }
    path_.pop_back();
    return true;
  }

  void add_copy(const Json& use, Block& block, const Arguments& arguments, const std::string& name,
                size_t scope, std::vector<BlockFeed> feeds) {
    const std::string& around = result_.scopes[scope].prefix;
    BlockScope inner;
    inner.prefix = name.empty() ? around : around + name + ".";
    inner.inputs = block.inputs;
    inner.feeds = std::move(feeds);
    inner.uses = {
        {block.json->key, name.empty() ? "" : around + name, place_of(use, root_, report_)}};
    const std::vector<BlockUse>& outer = result_.scopes[scope].uses;
    inner.uses.insert(inner.uses.end(), outer.begin(), outer.end());
    const std::string absolute = inner.uses[0].name;
    result_.scopes.push_back(std::move(inner));
    add_list(*block.layers, result_.scopes.size() - 1, &block, arguments);
    if (name.empty()) return;
    result_.names.push_back({absolute, *use.find("name"), result_.layers.size() - 1, scope});
  }

  Block* block_of(const Json& json) {
    if (!json.is(JsonKind::text)) {
      report_wrong(json, "the name of a block", report_);
      return nullptr;
    }
    const auto found = blocks_.find(json.text);
    if (found == blocks_.end()) {
      std::vector<std::string> names;
      names.reserve(blocks_.size());
      for (const auto& [name, ignored] : blocks_) names.push_back(name);
      const std::string suggestion = suggest(json.text, names);
      report_.error(json,
                    "no block is called " + in_quotes(json.text) +
                        (names.empty() ? ": the description has no \"blocks\""
                                       : unless_suggested(suggestion, "; there are ", names)),
                    suggestion);
      return nullptr;
    }
    found->second.used = true;
    const auto around = std::find(path_.begin(), path_.end(), json.text);
    if (around != path_.end()) {
      std::vector<std::string> circle(around, path_.end());
      report_.error(json, circle.size() == 1 ? "block " + in_quotes(json.text) + " uses itself"
                                             : "the blocks use each other in a circle: " +
                                                   listed(circle) + " and again " + json.text);
      return nullptr;
    }
    if (path_.size() >= kDeepest) {
      report_.error(json, "blocks are nested too deeply: at most " + std::to_string(kDeepest));
      return nullptr;
    }
    return found->second.layers ? &found->second : nullptr;
  }

  struct Copies {
    int64_t first = 0;
    int64_t count = 1;
    bool numbered = false;
  };

  std::optional<Copies> copies_of(const Json& json, const Attrs& attrs) {
    const Json* repeat = json.find("repeat");
    const Json* first = json.find("first");
    if ((repeat && !attrs.has("repeat")) || (first && !attrs.has("first"))) return std::nullopt;
    if (first && !repeat) {
      report_.error(*first, "first: numbers copies, but there is no \"repeat\"");
      return std::nullopt;
    }
    if (repeat && !json.find("name")) {
      report_.error(*repeat, "repeat: numbers the copies of a name, but there is no \"name\"");
      return std::nullopt;
    }
    Copies copies;
    copies.numbered = repeat != nullptr;
    if (repeat) copies.count = attrs.integer("repeat");
    if (first) copies.first = attrs.integer("first");
    return copies;
  }

  bool read_arguments(const Json& json, const Block& block, Arguments& arguments) {
    arguments = block.defaults;
    bool good = true;
    const std::string owner = "block " + in_quotes(block.json->key);
    const Json* with = json.find("with");
    if (with && !with->is(JsonKind::object)) {
      report_wrong(*with, "an object: arguments by the names of parameters", report_);
      return false;
    }
    for (const Json& each : with ? with->children : std::vector<Json>()) {
      if (!block.has(each.key)) {
        const std::vector<std::string> names = block.parameter_names();
        const std::string suggestion = suggest(each.key, names);
        report_.key_error(each,
                          owner + " has no parameter " + in_quotes(each.key) +
                              unless_suggested(suggestion, "; it has ", names),
                          suggestion);
        good = false;
      } else if (!is_argument(each)) {
        report_wrong(each, kArgumentForm, report_);
        good = false;
      } else {
        arguments[each.key] = each;
      }
    }
    for (const Parameter& parameter : block.parameters) {
      if (arguments.count(parameter.name) > 0 || (with && with->find(parameter.name))) continue;
      report_.error(with ? *with : json,
                    owner + " needs the argument " + in_quotes(parameter.name));
      report_.note(parameter.begin, parameter.end, "the parameter is declared here");
      good = false;
    }
    return good;
  }

  // What the block's inputs get; nothing where the use is wrong.
  std::optional<std::vector<BlockFeed>> feeds_of(const Json& json, const Block& block, size_t scope,
                                                 std::optional<size_t> before) {
    std::vector<BlockFeed> feeds;
    const Json* inputs = json.find("inputs");
    if (!inputs) {
      feeds.push_back(before ? BlockFeed{BlockFeed::Kind::layer, *before, {}, 0}
                             : result_.scopes[scope].feeds[0]);
    } else if (!inputs->is(JsonKind::array)) {
      report_wrong(*inputs, "a list of names of layers", report_);
      return std::nullopt;
    } else {
      for (const Json& name : inputs->children) {
        if (!name.is(JsonKind::text)) {
          report_.error(name, "inputs: expected the name of a layer, found " + describe(name));
          return std::nullopt;
        }
        feeds.push_back(BlockFeed{BlockFeed::Kind::name, 0, name, scope});
      }
    }
    if (feeds.size() == block.inputs.size()) return feeds;
    report_.error(inputs ? *inputs : json, "block " + in_quotes(block.json->key) + " takes " +
                                               std::to_string(block.inputs.size()) +
                                               (block.inputs.size() == 1 ? " input" : " inputs") +
                                               " (" + listed(block.inputs) + "), found " +
                                               std::to_string(feeds.size()));
    return std::nullopt;
  }

  // ---- warnings

  void warn(int64_t begin, int64_t end, std::string message) {
    Diagnostic warning = error(std::move(message));
    warning.severity = Severity::warning;
    warning.span = report_.span(begin, end);
    warning.pointer = pointer_at(root_, begin, end);
    warnings_.push_back(std::move(warning));
  }

  void warn_of_unused() {
    for (const auto& [name, block] : blocks_) {
      if (warnings_.size() >= kMostErrors) return;
      if (!block.used) {
        warn(block.json->key_begin, block.json->key_end,
             "nothing uses block " + in_quotes(name) + ", and its layers are not checked");
        continue;
      }
      for (const Parameter& each : block.parameters) {
        if (block.referenced.count(each.name) > 0) continue;
        warn(each.begin, each.end,
             "block " + in_quotes(name) + " does not use its parameter " + in_quotes(each.name));
      }
    }
  }
};

}  // namespace

ExpandedLayers expand_blocks(const Json& layers, const Json* blocks, const Json& root,
                             Report& report, Diagnostics& warnings) {
  return Expander(root, report, warnings).expand(layers, blocks);
}

void add_uses(const std::vector<BlockUse>& uses, Report& report) {
  for (const BlockUse& use : uses) {
    report.note(use.place.span.begin, use.place.span.end, use_text(use));
  }
}

}  // namespace cnnc
