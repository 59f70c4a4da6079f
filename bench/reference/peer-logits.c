/* SPDX-License-Identifier: MIT */
/* The logits that llama.cpp computes for a list of ids, with its own defaults (f16 KV, batches of 512):
 *   peer-logits MODEL.gguf IDS.txt OUT [f32]      writes raw float32 [ids, vocab], row i follows id i
 * With f32, the KV cache is float32 and attention is not fused.
 * Build, with PEERS as bench/build-peers made it:
 *   cc -O2 peer-logits.c -I$PEERS/llama.cpp/src/include -I$PEERS/llama.cpp/src/ggml/include \
 *      -L$PEERS/llama.cpp/build/bin -Wl,-rpath,$PEERS/llama.cpp/build/bin -lllama -lggml -lggml-base -o peer-logits
 */
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_IDS = 1 << 16 };

static void die(const char *what)
{
    fprintf(stderr, "peer-logits: %s\n", what);
    exit(1);
}

static int read_ids(const char *path, llama_token *ids)
{
    FILE *file = fopen(path, "r");
    if (!file)
        die("cannot open the ids");
    int count = 0;
    while (count < MAX_IDS && fscanf(file, "%d", &ids[count]) == 1)
        count++;
    fclose(file);
    return count;
}

static void silent(enum ggml_log_level level, const char *text, void *user)
{
    (void)user;
    if (level == GGML_LOG_LEVEL_ERROR)
        fputs(text, stderr);
}

int main(int argc, char **argv)
{
    static llama_token ids[MAX_IDS];
    if (argc != 4 && argc != 5)
        die("usage: peer-logits MODEL.gguf IDS.txt OUT [f32]");
    int count = read_ids(argv[2], ids);
    llama_log_set(silent, NULL);
    llama_backend_init();
    struct llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model)
        die("cannot load the model");
    struct llama_context_params params = llama_context_default_params();
    params.n_ctx = (uint32_t)count + 1;
    params.n_batch = 512;
    params.n_threads = params.n_threads_batch = 2;
    if (argc == 5) {
        params.type_k = params.type_v = GGML_TYPE_F32;
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    }
    struct llama_context *context = llama_init_from_model(model, params);
    FILE *out = fopen(argv[3], "wb");
    if (!context || !out)
        die("cannot create the context or the output");

    size_t vocab = (size_t)llama_vocab_n_tokens(llama_model_get_vocab(model));
    struct llama_batch batch = llama_batch_init(512, 0, 1);
    for (int start = 0; start < count; start += batch.n_tokens) {
        batch.n_tokens = count - start < 512 ? count - start : 512;
        for (int i = 0; i < batch.n_tokens; i++) {
            batch.token[i] = ids[start + i];
            batch.pos[i] = start + i;
            batch.n_seq_id[i] = 1;
            batch.seq_id[i][0] = 0;
            batch.logits[i] = 1;
        }
        if (llama_decode(context, batch))
            die("cannot decode");
        for (int i = 0; i < batch.n_tokens; i++)
            if (fwrite(llama_get_logits_ith(context, i), sizeof(float), vocab, out) != vocab)
                die("cannot write");
    }
    if (fclose(out))
        die("cannot write");
    llama_batch_free(batch);
    llama_free(context);
    llama_model_free(model);
    return 0;
}
