/* SPDX-License-Identifier: MIT */
/* {name, what a template shows, the end of the prompt or NULL, the answer, its events} */
#define HERMES "<tool_call>"
#define CALL(name, arguments) "<tool_call>\n{\"name\": \"" name "\", \"arguments\": " arguments "}\n</tool_call>"

{"plain", "", NULL, "Hello <b>you</b> [1, 2] \xC3\xA9\xE2\x82\xAC", "C:Hello <b>you</b> [1, 2] \xC3\xA9\xE2\x82\xAC"},
{"nothing", "", NULL, "", ""},
{"blanks", HERMES, NULL, " \n", "C: \n"},
{"an incomplete character", "", NULL, "a\xE2\x82", "C:a"},
{"reasoning", HERMES, NULL, "<think>\nLet me see.\n\nYes.\n</think>\n\nFine.\n", "R:Let me see.\n\nYes.|C:Fine.\n"},
{"no reasoning in it", HERMES, NULL, "<think>\n\n</think>\n\nFine.", "C:Fine."},
{"the prompt opened it", HERMES, "<|im_end|>\n<|im_start|>assistant\n<think>\n", "Yes.\n</think>\n\nFine.", "R:Yes.|C:Fine."},
{"the prompt closed it", HERMES, "<|im_start|>assistant\n<think>\n\n</think>\n\n", "Fine </think>", "C:Fine </think>"},
{"closed again", HERMES, "<|im_start|>assistant\n<think>\n\n</think>\n\n", "</think>\nFine", "C:Fine"},
{"opened again", HERMES, "<|im_start|>assistant\n<think>\n", "<think>a</think>b", "R:a|C:b"},
{"opened within reasoning", HERMES, NULL, "<think>a <think> b</think>c", "R:a <think> b|C:c"},
{"a mark within content", HERMES, NULL, "Use <think> and </think>.", "C:Use <think> and </think>."},
{"reasoning without an end", HERMES, NULL, "<think>a b\n", "R:a b\n"},
{"leading role", HERMES, "<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>assistant\nHi", "C:Hi"},
{"trailing role", HERMES, "<|im_end|>\n<|im_start|>assistant\n", "Hi\n<|im_start|>user\nMore", "C:Hi"},
{"control tokens", HERMES, "<|im_start|>assistant\n", "a<|im_end|>b <|eot_id|>c<|im_", "C:ab c<|im_"},

{"one call", HERMES, NULL, CALL("weather", "{\"place\": \"Paris\"}"), "T:weather|A:{\"place\": \"Paris\"}"},
{"thought, said, called", HERMES, NULL, "<think>x</think>Let me.\n\n" CALL("ping", "{}") "\n", "R:x|C:Let me.|T:ping|A:{}"},
{"two calls", HERMES, NULL, CALL("ping", "{}") "\n" CALL("weather", "{\"place\": \"}]\\\"\"}"), "T:ping|A:{}|T:weather|A:{\"place\": \"}]\\\"\"}"},
{"two in one", HERMES, NULL, "<tool_call>{\"name\":\"ping\",\"arguments\":{}}\n{\"name\":\"ping\",\"arguments\":{\"a\":[1]}}</tool_call>!",
    "T:ping|A:{}|T:ping|A:{\"a\":[1]}|C:!"},
{"arguments first", HERMES, NULL, "<tool_call>{\"arguments\": {\"a\": [{}]} , \"name\": \"ping\" }</tool_call>", "T:ping|A:{\"a\": [{}]}"},
{"no arguments", HERMES, NULL, "<tool_call>{\"name\": \"ping\"}</tool_call>x", "T:ping|A:{}|C:x"},
{"null arguments", HERMES, NULL, "<tool_call>{\"name\": \"ping\", \"arguments\": null}</tool_call>", "T:ping|A:{}"},
{"arguments as a string", HERMES, NULL, CALL("ping", "\"{\\\"a\\\": 1}\""), "T:ping|A:{\"a\": 1}"},
{"wrapped", HERMES, NULL, "<tool_call>{\"type\": \"function\", \"function\": {\"name\": \"ping\", \"arguments\": {\"a\": 1}}}</tool_call>.", "T:ping|A:{\"a\": 1}|C:."},
{"a line end in a string", HERMES, NULL, CALL("ping", "{\"a\": \"b\nc\"}"), "T:ping|A:{\"a\": \"b\\nc\"}"},
{"escapes", HERMES, NULL, CALL("pi\\u006eg", "{\"a\": \"\\\\\"}"), "T:ping|A:{\"a\": \"\\\\\"}"},
{"an unknown tool", HERMES, NULL, CALL("other", "{}"), "T:other|A:{}"},
{"a brace too few", HERMES, NULL, "<tool_call>{\"name\": \"ping\", \"arguments\": {\"a\": 1}</tool_call> b", "T:ping|A:{\"a\": 1}|C:b"},
{"two braces too few", HERMES, NULL, "<tool_call>{\"name\": \"ping\", \"arguments\": {\"a\": {\"b\": 1}</tool_call>c", "T:ping|A:{\"a\": {\"b\": 1}|C:c"},
{"cut in the arguments", HERMES, NULL, "<tool_call>{\"name\": \"ping\", \"arguments\": {\"a\": \"b", "T:ping|A:{\"a\": \"b"},
{"cut in the name", HERMES, NULL, "Hm <tool_call>{\"name\": \"pin", "C:Hm<tool_call>{\"name\": \"pin"},
{"cut in the mark", HERMES, NULL, "Hm <tool_ca", "C:Hm <tool_ca"},
{"no call", HERMES, NULL, "<tool_call>never</tool_call>", "C:<tool_call>never</tool_call>"},
{"a list for a call", HERMES, NULL, "<tool_call>[1]</tool_call>", "C:<tool_call>[1]</tool_call>"},
{"no call, then one", HERMES, NULL, "<tool_call>{1}" CALL("ping", "{}"), "C:<tool_call>{1}|T:ping|A:{}"},
{"a call within reasoning", HERMES, NULL, "<think>Say " CALL("ping", "{}") "?</think>No.", "R:Say " CALL("ping", "{}") "?|C:No."},

{"llama", "<|start_header_id|> \"parameters\"", NULL, "{\"name\": \"ping\", \"parameters\": {\"a\": 1}}", "T:ping|A:{\"a\": 1}"},
{"llama, several", "<|start_header_id|> \"parameters\"", NULL, "{\"name\": \"ping\", \"parameters\": {}}; {\"name\": \"weather\", \"parameters\": {}}",
    "T:ping|A:{}|T:weather|A:{}"},
{"llama, tagged", "<|start_header_id|> \"parameters\"", NULL, "<|python_tag|>{\"type\": \"function\", \"name\": \"x\", \"parameters\": {}}", "T:x|A:{}"},
{"llama, an answer", "<|start_header_id|> \"parameters\"", NULL, "{\"name\": \"Ada\", \"parameters\": 1}", "C:{\"name\": \"Ada\", \"parameters\": 1}"},
{"llama, another answer", "<|start_header_id|> \"parameters\"", NULL, "{\"a\": [1]} {\"b\"", "C:{\"a\": [1]} {\"b\""},
{"llama, a role", "<|start_header_id|> \"parameters\"", "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
    "<|start_header_id|>assistant<|end_header_id|>\n\nHi<|start_header_id|>user", "C:Hi"},

{"mistral", "[TOOL_CALLS] [ARGS]", NULL, "[TOOL_CALLS]ping[ARGS]{\"a\": 1}[TOOL_CALLS]weather[CALL_ID]abc[ARGS]{\"place\": \"x\"}",
    "T:ping|A:{\"a\": 1}|T:weather|A:{\"place\": \"x\"}"},
{"mistral, thought", "[TOOL_CALLS] [ARGS]", NULL, "[THINK]Hm[/THINK]Yes [1]", "R:Hm|C:Yes [1]"},
{"mistral, the old list", "[TOOL_CALLS] [ARGS]", NULL, "[TOOL_CALLS] [{\"name\": \"ping\", \"arguments\": {}}, {\"name\": \"ping\", \"arguments\": {\"a\": 2}}]",
    "T:ping|A:{}|T:ping|A:{\"a\": 2}"},
{"mistral list", "[TOOL_CALLS]", NULL, "Well. [TOOL_CALLS][{\"name\": \"ping\", \"arguments\": {}, \"id\": \"123456789\"}, {\"name\": \"ping\", \"arguments\": {\"a\": 2}}]",
    "C:Well.|T:ping|A:{}|T:ping|A:{\"a\": 2}"},
{"mistral list, no call", "[TOOL_CALLS]", NULL, "[TOOL_CALLS][1]", "C:[1]"},

{"deepseek", DEEPSEEK_CALLS "```", NULL, "<think>\na\n</think>\n\n" DEEPSEEK_CALLS "<｜tool▁call▁begin｜>function<｜tool▁sep｜>ping\n```json\n{\"a\": 1}\n```<｜tool▁call▁end｜>"
    "\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>weather\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "R:a|T:ping|A:{\"a\": 1}|T:weather|A:{}"},
{"deepseek 3.1", DEEPSEEK_CALLS, "<think></think>", "Hm" DEEPSEEK_CALLS "<｜tool▁call▁begin｜>ping<｜tool▁sep｜>{\"a\": 1}<｜tool▁call▁end｜>"
    "<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", "C:Hm|T:ping|A:{\"a\": 1}|T:weather|A:{}"},
{"deepseek 3.2", "｜DSML｜ function_calls>", "<think>", "a</think>\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"weather\">\n<｜DSML｜parameter name=\"place\" "
    "string=\"true\">1</｜DSML｜parameter>\n<｜DSML｜parameter name=\"any\" string=\"false\">[1]</｜DSML｜parameter>\n</｜DSML｜invoke>\n"
    "<｜DSML｜invoke name=\"ping\">\n</｜DSML｜invoke>\n</｜DSML｜function_calls>", "R:a|T:weather|A:{\"place\": \"1\", \"any\": [1]}|T:ping|A:{}"},
{"kimi", "<|tool_calls_section_begin|>", NULL, "<think>a</think>b<|tool_calls_section_begin|><|tool_call_begin|>functions.ping:0<|tool_call_argument_begin|>{\"a\": 1}"
    "<|tool_call_end|><|tool_call_begin|>functions.weather:1<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>",
    "R:a|C:b|T:ping|A:{\"a\": 1}|T:weather|A:{}"},
{"kimi, called while it reasons", "<|tool_calls_section_begin|>", "<think>", "Now <|tool_calls_section_begin|><|tool_call_begin|>functions.ping:3"
    "<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>", "R:Now|T:ping|A:{}"},
{"glm", "<tool_call> <arg_key> <arg_value>", NULL, "\n<think>a</think>\n<tool_call>weather\n<arg_key>place</arg_key>\n<arg_value>Rome\n</arg_value>\n<arg_key>days</arg_key>\n"
    "<arg_value>3</arg_value>\n</tool_call>\n<tool_call>ping\n</tool_call>", "R:a|T:weather|A:{\"place\": \"Rome\\n\", \"days\": 3}|T:ping|A:{}"},
{"glm, close together", "<tool_call> <arg_key> <arg_value>", NULL, "<tool_call>weather<arg_key>place</arg_key><arg_value>Rome</arg_value></tool_call>", "T:weather|A:{\"place\": \"Rome\"}"},
{"qwen xml", "<tool_call> <function= <parameter=", NULL, "Ok.\n<tool_call>\n<function=weather>\n<parameter=place>\nNew \"York\"\n\n</parameter>\n<parameter=days>\n12\n</parameter>\n"
    "<parameter=detail>\nTrue\n</parameter>\n<parameter=tags>\n[\"a\", \"b\"]\n</parameter>\n<parameter=note>\nnull\n</parameter>\n<parameter=any>\nx y\n</parameter>\n</function>\n</tool_call>",
    "C:Ok.|T:weather|A:{\"place\": \"New \\\"York\\\"\\n\", \"days\": 12, \"detail\": true, \"tags\": [\"a\", \"b\"], \"note\": null, \"any\": \"x y\"}"},
{"qwen xml, two, one without its mark", "<tool_call> <function= <parameter=", NULL, "<tool_call>\n<function=ping>\n</function>\n</tool_call>\n<function=weather>\n<parameter=note>\n5\n</parameter>\n</function>\n</tool_call>",
    "T:ping|A:{}|T:weather|A:{\"note\": \"5\"}"},
{"qwen xml, markup in a value", "<tool_call> <function= <parameter=", NULL, "<tool_call>\n<function=weather>\n<parameter=place>\n<p>a</p>\n</para>\n</parameter>\n</function>\n</tool_call>",
    "T:weather|A:{\"place\": \"<p>a</p>\\n</para>\"}"},
{"qwen xml, cut in a value", "<tool_call> <function= <parameter=", NULL, "<tool_call>\n<function=weather>\n<parameter=place>\nab", "T:weather|A:{\"place\": \"ab"},
{"minimax", "<minimax:tool_call>", "<think>\n", "a\n</think>\n\n<minimax:tool_call>\n<invoke name=\"weather\">\n<parameter name=\"place\">Rome</parameter>\n<parameter name=\"days\">x</parameter>\n"
    "</invoke>\n<invoke name=\"ping\">\n</invoke>\n</minimax:tool_call>", "R:a|T:weather|A:{\"place\": \"Rome\", \"days\": \"x\"}|T:ping|A:{}"},
{"gemma", "<|tool_call>call:", NULL, "<|channel>thought\nHm.\n<channel|>Ok.<|tool_call>call:weather{place:<|\"|>New \"York\", {<|\"|>,days:3,detail:true,tags:[<|\"|>a<|\"|>,b],any:{x:-1.5,"
    "y:null}}<tool_call|><|tool_call>call:ping{}<tool_call|>", "R:Hm.|C:Ok.|T:weather|A:{\"place\":\"New \\\"York\\\", {\",\"days\":3,\"detail\":true,\"tags\":[\"a\",\"b\"],"
    "\"any\":{\"x\":-1.5,\"y\":null}}|T:ping|A:{}"},
{"gemma, JSON", "<|tool_call>call:", NULL, "<|tool_call>call:weather {\"place\": \"a:\\\"b\", \"days\": 3}<tool_call|>", "T:weather|A:{\"place\":\"a:\\\"b\",\"days\":3}"},
{"gemma, cut", "<|tool_call>call:", NULL, "<|tool_call>call:weather{place:<|\"|>ab<|", "T:weather|A:{\"place\":\"ab<|"},
{"seed", "<seed:tool_call>", NULL, "<seed:think>a</seed:think>b<seed:tool_call>\n<function=weather>\n<parameter=place>Rome</parameter>\n</function>\n</seed:tool_call>",
    "R:a|C:b|T:weather|A:{\"place\": \"Rome\"}"},
{"nemotron", "<TOOLCALL>[", "<think>\n", "a\n</think>\n\n<TOOLCALL>[{\"name\": \"ping\", \"arguments\": {}}, {\"name\": \"ping\", \"arguments\": {}}]</TOOLCALL>", "R:a|T:ping|A:{}|T:ping|A:{}"},
{"functionary", "<function= </function>", NULL, "<function=ping>{\"a\": 1}</function><function=weather>{}</function>", "T:ping|A:{\"a\": 1}|T:weather|A:{}"},

{"harmony", "<|channel|>analysis <|message|>", "<|start|>assistant", "<|channel|>analysis<|message|>Think <b>.<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>", "R:Think <b>.|C:Hello."},
{"harmony, a call", "<|channel|>analysis <|message|>", "<|start|>assistant", "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>commentary to=functions.ping <|constrain|>json<|message|>{\"a\": 1}<|call|>",
    "R:a|T:ping|A:{\"a\": 1}"},
{"harmony, said and called twice", "<|channel|>analysis <|message|>", "<|start|>assistant", "<|channel|>commentary<|message|>I call.<|end|><|start|>assistant to=functions.ping<|channel|>commentary json<|message|>{}\n<|call|>"
    "<|start|>assistant<|channel|>commentary to=functions.weather<|message|>{\"place\": \"x\"}<|call|>", "C:I call.|T:ping|A:{}|T:weather|A:{\"place\": \"x\"}"},
{"harmony, no head", "<|channel|>analysis <|message|>", "<|start|>assistant", "Just so.", "C:Just so."},
{"harmony, cut in the head", "<|channel|>analysis <|message|>", "<|start|>assistant", "<|channel|>ana", ""},
