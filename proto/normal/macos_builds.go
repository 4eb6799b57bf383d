// SPDX-License-Identifier: Apache-2.0

package normal

// lateTrains holds the trains whose minor number rose without a new letter: from which number on it is which.
var lateTrains = map[string][]struct{ from, minor int }{
	"20G": {{from: 165, minor: 6}, {from: 817, minor: 7}},
	"21G": {{from: 115, minor: 6}, {from: 816, minor: 7}},
	"21H": {{minor: 7}},
	"22G": {{from: 120, minor: 6}},
	"22H": {{minor: 7}},
	"24G": {{from: 222, minor: 7}},
}

// macOSPatches holds the patch numbers that are not 0, by train and number.
//
// Source: Apple's notes on security releases.
var macOSPatches = map[string]map[int]int64{
	"20B": {29: 1, 50: 1},
	"20D": {74: 1, 75: 1, 80: 2, 91: 3},
	"20E": {241: 1},
	"20G": {
		80: 1, 95: 2, // 11.5
		224: 1, 314: 2, 415: 3, 417: 4, 527: 5, 624: 6, 630: 7, 730: 8, // 11.6
		918: 1, 1020: 2, 1113: 3, 1120: 4, 1225: 5, 1231: 6, 1345: 7, 1351: 8, 1426: 9, 1427: 10, // 11.7
	},
	"21A": {558: 1, 559: 1},
	"21D": {62: 1},
	"21E": {258: 1},
	"21G": {
		83:  1,                                                                 // 12.5
		217: 1, 320: 2, 419: 3, 526: 4, 531: 5, 646: 6, 651: 7, 725: 8, 726: 9, // 12.6
		920: 1, 1974: 2, // 12.7
	},
	"21H": {1015: 3, 1123: 4, 1222: 5, 1320: 6},
	"22A": {400: 1},
	"22D": {68: 1},
	"22E": {261: 1},
	"22F": {82: 1},
	"22G": {
		90: 1, 91: 2, // 13.5
		313: 1, 320: 2, 436: 3, 513: 4, 621: 5, 630: 6, 720: 7, 820: 8, 830: 9, // 13.6
	},
	"22H": {221: 1, 313: 2, 417: 3, 420: 4, 527: 5, 625: 6, 722: 7, 730: 8},
	"23B": {81: 1, 82: 1, 92: 2},
	"23C": {71: 1},
	"23D": {60: 1},
	"23E": {224: 1},
	"23G": {93: 1},
	"23H": {222: 1, 311: 2, 417: 3, 420: 4, 527: 5, 626: 6, 723: 7, 730: 8},
	"23J": {30: 1, 126: 2, 220: 3},
	"24A": {348: 1},
	"24B": {91: 1},
	"24D": {70: 1, 81: 2},
	"24E": {263: 1},
	"24G": {
		90:  1,                 // 15.6
		231: 1, 325: 2, 419: 3, // 15.7
	},
	"25A": {362: 1},
	"25G": {83: 2},
}

// responses holds the rapid security responses whose build ends in another letter than their name.
var responses = map[string]string{
	"22F770820b": "(a)",
	"22F770820d": "(c)",
}
