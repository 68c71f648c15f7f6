/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * words.c -- the words of made-up names. The lists are frozen: another word or another order would change the names
 * that a seed gives, so that files made by different versions could not be compared.
 */
#include "funify/words.h"

/* clang-format off */
const char *const funify_adjectives[256] = {
	"agile", "alert", "amber", "ample", "arctic", "ashen", "azure", "balmy", "basic", "bland", "blithe", "bonny",
	"boxy", "brave", "breezy", "brief", "bright", "brisk", "broad", "bronze", "bubbly", "bumpy", "calm",
	"candid", "careful", "chalky", "cheery", "chief", "chilly", "civil", "classy", "clear", "clever", "cloudy",
	"coarse", "comic", "cool", "copper", "coral", "cosy", "crafty", "crisp", "curly", "curvy", "damp", "dapper",
	"dashing", "deep", "deft", "dense", "dotty", "downy", "dreamy", "dry", "dusky", "dusty", "early", "earthy",
	"elder", "elegant", "epic", "exact", "fair", "famous", "fancy", "fast", "fearless", "feisty", "fine",
	"fleet", "floral", "fond", "frank", "free", "fresh", "frosty", "full", "fuzzy", "gentle", "giddy", "gifted",
	"glad", "glassy", "gleaming", "global", "golden", "good", "grassy", "great", "gritty", "handy", "hardy",
	"hasty", "hazel", "hearty", "heavy", "helpful", "hidden", "high", "honest", "humble", "icy", "ideal",
	"indigo", "ivory", "jade", "jovial", "joyful", "kind", "large", "lasting", "lavish", "leafy", "lean",
	"level", "light", "lilac", "limber", "little", "lively", "long", "loud", "loyal", "lucid", "lunar", "magic",
	"main", "major", "maroon", "meek", "mellow", "merry", "mighty", "mild", "mint", "modest", "mossy", "muted",
	"narrow", "navy", "neat", "new", "nifty", "nimble", "noble", "normal", "novel", "oaken", "odd", "olive",
	"opal", "open", "orange", "ornate", "oval", "pale", "patient", "peppy", "perky", "placid", "plain", "plucky",
	"plush", "polite", "prime", "proud", "quaint", "quick", "quiet", "rapid", "ready", "regal", "rich", "ripe",
	"rising", "robust", "rosy", "round", "ruby", "rugged", "rustic", "safe", "sandy", "sane", "satin", "scarlet",
	"serene", "sharp", "shiny", "short", "silent", "silky", "silver", "simple", "sincere", "sleek", "slow",
	"sly", "smart", "smooth", "snappy", "snowy", "snug", "social", "soft", "solar", "sonic", "spare", "spicy",
	"spry", "stable", "stark", "steady", "stellar", "still", "stout", "strong", "sturdy", "subtle", "sunny",
	"super", "sure", "swift", "tall", "tame", "tan", "tart", "tawny", "teal", "tender", "thick", "thin",
	"thrifty", "tidy", "tiny", "topaz", "tough", "trim", "true", "trusty", "upbeat", "useful", "vast", "velvet",
	"verdant", "vivid", "warm", "wavy", "wide", "wild", "windy", "wise", "witty", "woolly", "young", "zany",
};

const char *const funify_animals[256] = {
	"aardvark", "albatross", "alligator", "alpaca", "anchovy", "angelfish", "ant", "anteater", "armadillo",
	"avocet", "axolotl", "baboon", "badger", "bandicoot", "barbel", "barnacle", "barracuda", "bass", "bat",
	"bear", "beaver", "bee", "beetle", "bison", "bittern", "blackbird", "bobcat", "bonobo", "booby", "buffalo",
	"bullfinch", "bumblebee", "bunting", "bustard", "butterfly", "buzzard", "caiman", "camel", "canary",
	"capybara", "caracal", "cardinal", "caribou", "carp", "cassowary", "cat", "caterpillar", "catfish",
	"chaffinch", "chameleon", "chamois", "cheetah", "chickadee", "chicken", "chinchilla", "chipmunk", "cicada",
	"civet", "clam", "coati", "cobra", "cockatoo", "cod", "condor", "coot", "cormorant", "cougar", "cow",
	"coyote", "crane", "crayfish", "cricket", "crocodile", "crow", "cuckoo", "curlew", "cuttlefish", "dachshund",
	"dingo", "dipper", "dodo", "dogfish", "dolphin", "dormouse", "dove", "dugong", "dunlin", "eagle", "earwig",
	"echidna", "egret", "eider", "eland", "elephant", "elk", "emu", "ermine", "falcon", "ferret", "finch",
	"firefly", "flamingo", "flounder", "fly", "fossa", "fox", "frog", "gannet", "gar", "gazelle", "gecko",
	"gerbil", "gibbon", "giraffe", "gnat", "gnu", "goat", "godwit", "goldfinch", "goldfish", "gopher", "gorilla",
	"goshawk", "grebe", "grouper", "grouse", "gull", "guppy", "haddock", "hake", "halibut", "hamster", "hare",
	"harrier", "hawk", "hedgehog", "heron", "herring", "hippo", "hornet", "hummingbird", "ibex", "iguana",
	"impala", "jackdaw", "jaguar", "jay", "jellyfish", "kangaroo", "kestrel", "kingfisher", "kiwi", "koala",
	"koi", "kudu", "lacewing", "ladybird", "lamprey", "lapwing", "lark", "lemming", "leopard", "lion", "lizard",
	"llama", "lobster", "locust", "loris", "lynx", "macaque", "macaw", "mackerel", "magpie", "manatee",
	"mandrill", "marlin", "marmoset", "marmot", "marten", "martin", "meerkat", "merlin", "mole", "mongoose",
	"moose", "moth", "mouse", "mussel", "narwhal", "newt", "nightjar", "numbat", "nuthatch", "ocelot", "octopus",
	"okapi", "opossum", "orca", "oriole", "osprey", "ostrich", "otter", "owl", "ox", "oyster", "panda",
	"pangolin", "panther", "parrot", "partridge", "peacock", "pelican", "penguin", "perch", "pheasant", "pigeon",
	"pike", "plover", "polecat", "porpoise", "prawn", "puffin", "puma", "quail", "quokka", "rabbit", "raccoon",
	"raven", "robin", "salmon", "seal", "shark", "sheep", "shrew", "skylark", "sloth", "snail", "sparrow",
	"squid", "squirrel", "starling", "stork", "swan", "tapir", "tiger", "toad", "trout", "turtle", "vole",
	"walrus", "weasel", "whale", "wolf", "wren", "yak", "zebra",
};
/* clang-format on */
