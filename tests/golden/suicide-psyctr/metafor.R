# Pools .g with .g_se of each release with metafor (REML, Wald); run in this folder: Rscript metafor.R > metafor.json
suppressMessages(library(metafor))
versions <- c("23.0.2", "23.1.0", "23.1.1")
entries <- sapply(versions, function(version) {
  data <- read.csv2(file.path(version, "data.csv"), check.names = FALSE)
  data <- data[!is.na(data$.g) & !is.na(data$.g_se), ]
  fit <- rma(data$.g, sei = data$.g_se, method = "REML", control = list(threshold = 1e-14, maxiter = 1000))
  sprintf(' "%s": {"k": %d, "estimate": %.15g, "low": %.15g, "high": %.15g, "tau2": %.15g, "se": %.15g}',
          version, fit$k, fit$beta, fit$ci.lb, fit$ci.ub, fit$tau2, fit$se)
})
cat(sprintf('{\n "metafor": "%s",\n%s\n}\n', packageVersion("metafor"), paste(entries, collapse = ",\n")))
